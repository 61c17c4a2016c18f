from django.apps import AppConfig


class SignInConfig(AppConfig):
    name = "certmate.signin"
    label = "signin"
    verbose_name = "Sign-in"

    def ready(self) -> None:
        from certmate.signin import signals

        signals.connect()
