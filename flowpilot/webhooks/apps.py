from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "flowpilot.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"
