"""Settings of the monolith. The environment decides what differs between machines; the README lists its names.

Two URLs are enough: `DATABASE_URL` (PostgreSQL) and `REDIS_URL`. While embedded servers run from this folder their
URLs stand in `var/embedded.env`, so that a second terminal needs no set-up.
"""

import contextlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from flowpilot.common.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
# What this installation keeps on disk: embedded servers' data, generated keys, collected static files.
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
if (VAR_DIR / "embedded.env").exists():
    environ.Env.read_env(VAR_DIR / "embedded.env")


def _made_once(name: str, make: Callable[[], str]) -> str:
    """A secret of this installation, made at the first start and kept in `var/`."""
    path = VAR_DIR / name
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(make())
        # Web, worker and beat start at once: the first one's secret stays, whole.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text()


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or _made_once("secret_key", lambda: secrets.token_urlsafe(50))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "flowpilot.common",
    "flowpilot.accounts",
    "flowpilot.webhooks",
    "flowpilot.flows",
    "sessions",
    "proposals",
    "analytics",
    "flowpilot.sample",
    "flowpilot.apps.FlowPilotAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "axes",
]

MIDDLEWARE = [
    "flowpilot.common.requestid.RequestId",
    "flowpilot.common.requestmetrics.Measure",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "flowpilot.common.walls.PermissionsPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "flowpilot.accounts.middleware.ViewerTimeZone",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "flowpilot.urls"
WSGI_APPLICATION = "flowpilot.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Stores -----------------------------------------------------------------------------------------------------------

CONNECT_TIMEOUT_S = 5
_database = env.db_url("DATABASE_URL", default="postgresql:///flowpilot")
DATABASES = {
    "default": {
        **_database,
        "HOST": unquote(_database["HOST"]),  # a socket's folder stands percent-encoded in a URL
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 60,
        # A server that swallows packets must not hang a page, nor `/readyz`.
        "OPTIONS": {"connect_timeout": CONNECT_TIMEOUT_S},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": CONNECT_TIMEOUT_S, "socket_timeout": CONNECT_TIMEOUT_S},
    }
}


def _broker_url(redis_url: str) -> str:
    """Celery spells a Redis socket its own way: `unix:///path?db=0` is `redis+socket:///path?virtual_host=0`."""
    if not redis_url.startswith("unix:"):
        return redis_url
    parts = urlsplit(redis_url)
    return f"redis+socket://{parts.path}?{parts.query.replace('db=', 'virtual_host=')}"


CELERY_BROKER_URL = _broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Whoever queues a task waits for a Redis that swallows packets no longer than for a database that does.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": CONNECT_TIMEOUT_S}
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "flowpilot"
CELERY_TASK_IGNORE_RESULT = True
# A task is acknowledged when it is done: a killed worker's task runs again, and every task is safe to run twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "analyze-pending-sessions": {
        "task": "proposals.tasks.analyze_pending_sessions",
        "schedule": timedelta(minutes=5),
        # A run that waited longer than one period is stale: the next one does the same work.
        "options": {"expires": 300},
    },
    "deliver-due-pushes": {
        "task": "sessions.psa.tasks.deliver_due_pushes",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "forget-old-requests": {"task": "flowpilot.common.tasks.forget_old_requests", "schedule": timedelta(hours=1)},
    "clean-attempts": {"task": "sessions.psa.tasks.clean_attempts", "schedule": timedelta(days=1)},
    "deliver-due-events": {
        "task": "flowpilot.webhooks.tasks.deliver_due",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "clean-deliveries": {"task": "flowpilot.webhooks.tasks.clean_deliveries", "schedule": timedelta(days=1)},
    "refresh-impacts": {"task": "proposals.tasks.refresh_impacts", "schedule": timedelta(days=1)},
    "abandon-idle-sessions": {
        "task": "sessions.tasks.abandon_idle_sessions",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "send-digests": {
        "task": "proposals.tasks.send_digests",
        "schedule": crontab(minute=5),
        "options": {"expires": 3000},
    },
    "tend-queues": {
        "task": "proposals.tasks.tend_queues",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "detect-gaps": {
        # A few minutes after a round of analysis, which says what topic a session belongs to.
        "task": "analytics.tasks.detect_gaps",
        "schedule": crontab(minute="8,38"),
        "options": {"expires": 1500},
    },
    "send-reports": {
        "task": "analytics.tasks.send_reports",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "roll-up-days": {
        "task": "analytics.tasks.roll_up_days",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "watch-versions": {
        "task": "proposals.tasks.watch_versions",
        "schedule": timedelta(minutes=30),
        "options": {"expires": 1800},
    },
}

# --- People -----------------------------------------------------------------------------------------------------------

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

# --- Walls ------------------------------------------------------------------------------------------------------------

HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Language, time, files --------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["flowpilot.formats"]
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if env.bool("PLAIN_STATIC", default=DEBUG)
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = env.bool("PLAIN_STATIC", default=DEBUG)

# --- Sessions ---------------------------------------------------------------------------------------------------------

# Hours after which a session that nobody touches is abandoned.
SESSION_IDLE = timedelta(hours=env.int("SESSION_IDLE_HOURS", default=24))
# Who matches problems with flows and reads answers: see `sessions.runner.guide`.
SESSION_GUIDE = "proposals.guide.EvidenceGuide"
MEDIA_ROOT = VAR_DIR / "media"

# --- Mail -------------------------------------------------------------------------------------------------------------

# Without a server mail goes to the worker's log.
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="FlowPilot <flowpilot@localhost>")
# What links in mail begin with.
SITE_URL = env.str("SITE_URL", default=f"http://localhost:{env.str('PORT', default='8000')}").rstrip("/")

# --- API --------------------------------------------------------------------------------------------------------------

# Of each API key, and of each log-in; 0 is without limit.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=1_200)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "flowpilot.accounts.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["flowpilot.common.permissions.HasModelPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["flowpilot.common.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "flowpilot.common.ordering.Ordering",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["flowpilot.common.throttling.CallerThrottle"],
    "DEFAULT_PAGINATION_CLASS": "flowpilot.common.pagination.Pagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "flowpilot.common.api.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "FlowPilot API",
    "DESCRIPTION": "Sessions in, proposals and metrics out. Every answer holds the caller's own account only.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "flowpilot.openapi.add_pydantic_schemas",
        "flowpilot.openapi.add_common_parameters",
        "flowpilot.openapi.add_error_responses",
    ],
    "ENUM_NAME_OVERRIDES": {
        "SessionStatus": "sessions.models.AISession.Status",
        "ProposalStatus": "proposals.models.FlowProposal.Status",
        "FlowStatus": "flowpilot.flows.models.Flow.Status",
        "GapState": "analytics.models.KnowledgeGap.State",
        "GapKind": "analytics.models.KnowledgeGap.Kind",
    },
}

# --- Analysis ---------------------------------------------------------------------------------------------------------

ANALYSIS_BATCH_SIZE = env.int("ANALYSIS_BATCH_SIZE", default=2_000)
ANALYSIS_LEASE = timedelta(seconds=env.int("ANALYSIS_LEASE_SECONDS", default=120))
ANALYSIS_MAX_ATTEMPTS = env.int("ANALYSIS_MAX_ATTEMPTS", default=5)
# The sessions that a proposal's rank counts, and the days from which a proposal that waits is due, and late.
IMPACT_DAYS = env.int("IMPACT_DAYS", default=90)
PROPOSAL_SLA_DAYS = tuple(env.list("PROPOSAL_SLA_DAYS", cast=int, default=[2, 7]))

# Days without new evidence until a pending proposal is dismissed as expired; minutes that a claim lasts, and that a
# decision can be undone.
PROPOSAL_EXPIRES = timedelta(days=env.int("PROPOSAL_EXPIRE_DAYS", default=28))
REVIEW_CLAIM = timedelta(minutes=env.int("REVIEW_CLAIM_MINUTES", default=30))
REVIEW_UNDO = timedelta(minutes=env.int("REVIEW_UNDO_MINUTES", default=30))

# --- Knowledge gaps ---------------------------------------------------------------------------------------------------

# Days of sessions that gaps are measured in, and sessions from which a topic without a flow is a gap.
GAPS_DAYS = env.int("GAPS_DAYS", default=180)
GAPS_TOPIC_SESSIONS = env.int("GAPS_TOPIC_SESSIONS", default=10)
GAPS_LEASE = timedelta(seconds=env.int("GAPS_LEASE_SECONDS", default=120))

# --- Secrets at rest --------------------------------------------------------------------------------------------------

# Fernet keys that seal credentials and signing secrets: the first seals, all of them open.
SEAL_KEYS = env.list("SEAL_KEY", default=[]) or [
    _made_once("seal_key", lambda: urlsafe_b64encode(secrets.token_bytes(32)).decode())
]

# --- Webhooks ---------------------------------------------------------------------------------------------------------

# Seconds of one try, from the look-up of the name to the last byte.
WEBHOOK_TIMEOUT = env.float("WEBHOOK_TIMEOUT_SECONDS", default=10.0)
WEBHOOK_MAX_ATTEMPTS = env.int("WEBHOOK_MAX_ATTEMPTS", default=24)
# Deliveries to one endpoint that are sent at once: a slow one leaves the other workers to the others.
WEBHOOK_MAX_PARALLEL = env.int("WEBHOOK_MAX_PARALLEL", default=2)
WEBHOOK_KEEP = timedelta(days=env.int("WEBHOOK_KEEP_DAYS", default=30))
# How long the former secret signs beside a new one.
WEBHOOK_ROTATION = timedelta(hours=env.int("WEBHOOK_ROTATION_HOURS", default=24))
# Addresses inside private networks, for a company's own; and http, for development.
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", default=False)

# --- Ticketing systems ------------------------------------------------------------------------------------------------

# Seconds of one errand, all its requests together; a lookup is shorter, because somebody waits for it.
PSA_TIMEOUT = env.float("PSA_TIMEOUT_SECONDS", default=20.0)
PSA_LOOKUP_TIMEOUT = env.float("PSA_LOOKUP_TIMEOUT_SECONDS", default=8.0)
PSA_MAX_ATTEMPTS = env.int("PSA_MAX_ATTEMPTS", default=12)
# Pushes of one connection that are sent at once: a slow system leaves the other workers to the others.
PSA_MAX_PARALLEL = env.int("PSA_MAX_PARALLEL", default=2)
PSA_KEEP_ATTEMPTS = timedelta(days=env.int("PSA_KEEP_ATTEMPTS_DAYS", default=180))
# Addresses inside private networks, and http: for a ticketing system in one's own house.
PSA_ALLOW_PRIVATE = env.bool("PSA_ALLOW_PRIVATE", default=False)

# --- Watching ---------------------------------------------------------------------------------------------------------

# What Prometheus brings as a bearer token; without one there is no /metrics.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Logs -------------------------------------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="text")
if LOG_FORMAT not in ("text", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is text or json, not {LOG_FORMAT!r}")
LOGGING = logging_config(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO").upper())
