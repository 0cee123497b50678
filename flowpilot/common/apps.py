"""Configuration of the common room."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "flowpilot.common"
    label = "common"
    verbose_name = "Operations"
