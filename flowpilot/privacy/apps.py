from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "flowpilot.privacy"
    label = "privacy"
    verbose_name = "Data protection"
