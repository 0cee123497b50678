"""A plain page instead of a traceback where PostgreSQL or Redis is away."""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

logger = logging.getLogger(__name__)

AWAY = "FlowPilot cannot reach {what} at the moment. Nothing was changed; please try again in a minute."
RETRY_AFTER_S = "30"
REDIS_ERRORS = (RedisConnectionError, RedisTimeoutError)
AWAY_ERRORS = (OperationalError, InterfaceError, *REDIS_ERRORS)


class ServiceUnavailable:
    """Turns a lost database or Redis into 503 with a sentence."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        except AWAY_ERRORS as error:
            return _unavailable(request, error)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, AWAY_ERRORS):
            return _unavailable(request, error)
        return None


def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    what = "Redis" if isinstance(error, REDIS_ERRORS) else "its database"
    logger.error("503 for %s: %s", request.path, error)
    message = AWAY.format(what=what)
    response: HttpResponse
    if request.path.startswith("/api/"):
        response = JsonResponse({"code": "unavailable", "message": message}, status=503)
    else:
        response = HttpResponse(message, status=503, content_type="text/plain; charset=utf-8")
    response["Retry-After"] = RETRY_AFTER_S
    return response
