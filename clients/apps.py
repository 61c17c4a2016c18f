from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ClientsConfig(AppConfig):
    name = "clients"
    verbose_name = "Clients"

    def ready(self) -> None:
        from certmate.audit.services import register
        from clients.approvable import register_operations
        from clients.following import follow
        from clients.models import ClientCertificate, Identity
        from clients.services import adopting
        from providers.services import revoking
        from storage.adopting import Adopter
        from storage.adopting import register as register_adopter

        # Versions, enrolments and batches are logged as events by the services that make them.
        # A CSR may hold a challenge password (RFC 2985 section 5.4.1).
        register(Identity, exclude=("updated_at",))
        register(ClientCertificate, exclude=("updated_at",), masked=("csr",))
        post_migrate.connect(_seed, sender=self)
        register_operations()
        revoking.follow(follow)
        clients = Adopter(ClientCertificate, "identifier", adopting.known, adopting.adopt)
        register_adopter("client", clients)


def _seed(**_: object) -> None:
    from certmate.core.schedules import seed
    from clients.schedules import SCHEDULES

    seed(*SCHEDULES)
