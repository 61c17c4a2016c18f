from django.apps import AppConfig


class ClientsConfig(AppConfig):
    """The place of identities and client certificates, which a private CA issues."""

    name = "clients"
    verbose_name = "Clients"
