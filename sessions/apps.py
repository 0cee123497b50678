from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions"
    # `sessions` is the label of Django's own login sessions.
    label = "ai_sessions"
    verbose_name = "Sessions"
