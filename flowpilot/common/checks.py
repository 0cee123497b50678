"""What `manage.py check`, and every start of a server, finds wrong in the settings."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from flowpilot.common.vault import seal


@checks.register
def seal_keys(app_configs: Any, **options: Any) -> list[checks.Error]:
    """A key that is none would be met only when the first secret is saved, or worse: at the first push."""
    try:
        seal(account_id=0, credentials={})
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="common.E001")]
    return []


@checks.register(checks.Tags.security, deploy=True)
def trusted_proxies(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """HTTPS means a proxy; without its word everybody comes from one address, and one who guesses locks all out."""
    if not settings.HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        checks.Warning(
            "HTTPS is on, so there is a proxy in front, but TRUSTED_PROXIES is 0: wrong passwords and API keys of all "
            "callers are counted together, as the proxy's.",
            hint="Set TRUSTED_PROXIES to the number of proxies that append to X-Forwarded-For.",
            id="common.W001",
        )
    ]
