"""How the API reads bodies. Apart from `api`: REST framework imports its parsers before its views exist."""

from typing import Any

from django.conf import settings
from pydantic_core import from_json
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser


class TooLarge(APIException):
    status_code = 413
    default_code = "too_large"


def require_size(request: Any) -> None:
    """Raises TooLarge before a body is read that is longer than the limit."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise TooLarge(f"The body is longer than {limit // 2**20} MiB: send it in parts.")


class JSONParser(BaseParser):
    """Bodies of the API: UTF-8 JSON of bounded size and depth.

    REST framework's own parser reads a body of any size, fails on deep nesting, and lets half surrogate pairs through,
    which no database and no answer can hold.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        require_size((parser_context or {})["request"])
        try:
            return from_json(stream.read(), allow_inf_nan=False)
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
