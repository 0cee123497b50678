from django.apps import AppConfig


class FlowsConfig(AppConfig):
    name = "flowpilot.flows"
    label = "flows"
    verbose_name = "Flows"
