"""People: log-ins, passwords, and what happens after wrong ones."""

from datetime import timedelta

from django.urls import reverse_lazy

from flowpilot.settings.environment import env

AUTH_USER_MODEL = "accounts.User"
# The first says no to a log-in that is locked, and nothing else.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "flowpilot.accounts.backends.RoleBackend"]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("home")
LOGOUT_REDIRECT_URL = reverse_lazy("admin:login")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Wrong passwords for one email from one address, until the two are closed to each other for a while: one who guesses
# cannot lock the person out everywhere, and many people behind one address do not lock each other out.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = env.int("LOGIN_TRIES", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("LOGIN_LOCK_MINUTES", default=15))
# The page says until when: knocking in the meantime does not put it off.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "flowpilot.accounts.loginlocks.login_name"
AXES_CLIENT_IP_CALLABLE = "flowpilot.accounts.loginlocks.client_address"
AXES_LOCKOUT_CALLABLE = "flowpilot.accounts.loginlocks.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Proxies in front that append to X-Forwarded-For.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
