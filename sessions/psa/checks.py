"""What `manage.py check`, and every start of a server, finds wrong in the settings."""

from typing import Any

from django.core.checks import Error, register
from django.core.exceptions import ImproperlyConfigured

from sessions.psa.vault import seal


@register
def psa_keys(app_configs: Any, **options: Any) -> list[Error]:
    """A key that is none would be met only when the first connection is saved, or worse: at the first push."""
    try:
        seal(account_id=0, credentials={})
    except ImproperlyConfigured as error:
        return [Error(str(error), id="psa.E001")]
    return []
