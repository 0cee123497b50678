from django.apps import AppConfig


class LlmConfig(AppConfig):
    name = "flowpilot.llm"
    label = "llm"
    verbose_name = "Language model"
