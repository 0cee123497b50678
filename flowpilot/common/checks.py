"""What `manage.py check`, and every start of a server, finds wrong in the settings."""

from typing import Any

from django.core.checks import Error, register
from django.core.exceptions import ImproperlyConfigured

from flowpilot.common.vault import seal


@register
def seal_keys(app_configs: Any, **options: Any) -> list[Error]:
    """A key that is none would be met only when the first secret is saved, or worse: at the first push."""
    try:
        seal(account_id=0, credentials={})
    except ImproperlyConfigured as error:
        return [Error(str(error), id="common.E001")]
    return []
