"""Configuration of the common room."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "flowpilot.common"
    label = "common"
    verbose_name = "Operations"

    def ready(self) -> None:
        from flowpilot.common import checks  # noqa: F401 - registers them
