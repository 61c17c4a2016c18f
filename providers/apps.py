from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ProvidersConfig(AppConfig):
    name = "providers"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from certmate.audit.services import CONFIGURATION, register
        from providers.approvable import register_operations
        from providers.models import Authority, CAAccount, DNSAccount, Profile
        from providers.services.profiles import seed_profiles

        for model in (CAAccount, DNSAccount, Authority, Profile):
            register(model, noun=CONFIGURATION)
        post_migrate.connect(seed_profiles, sender=self)
        post_migrate.connect(_seed, sender=self)
        register_operations()


def _seed(**_: object) -> None:
    from certmate.core.schedules import seed
    from providers.schedules import SCHEDULES

    seed(*SCHEDULES)
