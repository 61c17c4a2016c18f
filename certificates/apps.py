from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CertificatesConfig(AppConfig):
    name = "certificates"
    verbose_name = "Certificates"

    def ready(self) -> None:
        from certificates.approvable import register_operations
        from certificates.following import follow
        from certificates.models import Certificate
        from certificates.services import adopting
        from certmate.audit.services import register
        from providers.services import revoking
        from storage.adopting import Adopter
        from storage.adopting import register as register_adopter

        # Versions and orders are logged as events by the services that make them.
        # A CSR may hold a challenge password (RFC 2985 section 5.4.1).
        register(Certificate, exclude=("updated_at",), masked=("csr",))
        post_migrate.connect(_seed, sender=self)
        register_operations()
        revoking.follow(follow)
        register_adopter("server", Adopter(Certificate, "name", adopting.known, adopting.adopt))


def _seed(**_: object) -> None:
    from certificates.schedules import SCHEDULES
    from certmate.core.schedules import seed

    seed(*SCHEDULES)
