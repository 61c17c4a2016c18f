from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "certmate.access"
    label = "access"
    verbose_name = "Access"
