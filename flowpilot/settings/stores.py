"""PostgreSQL and Redis."""

from urllib.parse import unquote

from flowpilot.settings.environment import env

CONNECT_TIMEOUT_S = 5
_database = env.db_url("DATABASE_URL", default="postgresql:///flowpilot")
DATABASES = {
    "default": {
        **_database,
        "HOST": unquote(_database["HOST"]),  # a socket's folder stands percent-encoded in a URL
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 60,
        # A server that swallows packets must not hang a page, nor `/readyz`. What the URL says (sslmode) counts too.
        "OPTIONS": {"connect_timeout": CONNECT_TIMEOUT_S, **_database.get("OPTIONS", {})},
    }
}

REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": CONNECT_TIMEOUT_S, "socket_timeout": CONNECT_TIMEOUT_S},
    }
}
