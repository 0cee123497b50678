"""Walls: secrets, HTTPS, headers, what a page may load."""

import secrets
from base64 import urlsafe_b64encode

from csp.constants import NONE, SELF

from flowpilot.settings.environment import env, made_once

SECRET_KEY = env.str("SECRET_KEY", default="") or made_once("secret_key", lambda: secrets.token_urlsafe(50))
# Fernet keys that seal credentials and signing secrets: the first seals, all of them open.
SEAL_KEYS = env.list("SEAL_KEY", default=[]) or [
    made_once("seal_key", lambda: urlsafe_b64encode(secrets.token_bytes(32)).decode())
]

HTTPS = env.bool("HTTPS", default=False)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
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
