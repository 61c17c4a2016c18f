from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    name = "providers"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from certmate.audit.services import CONFIGURATION, register
        from providers.models import CAAccount, DNSAccount

        register(CAAccount, noun=CONFIGURATION)
        register(DNSAccount, noun=CONFIGURATION)
