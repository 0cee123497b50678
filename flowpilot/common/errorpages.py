"""Django's `handler400`, `handler404` and `handler500`: the API's answers are JSON, and a lost server is 503.

A middleware could not tell of a lost server: Django turns what another middleware raises into a 500 before it.
"""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template import loader
from django.views import defaults
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from flowpilot.common.problems import MEDIA_TYPE, problem
from flowpilot.common.requestid import current_request_id

AWAY = "FlowPilot cannot reach {what} at the moment. Nothing was changed; please try again in a minute."
RETRY_AFTER_S = "30"
DATABASE_ERRORS = (OperationalError, InterfaceError)
REDIS_ERRORS = (RedisConnectionError, RedisTimeoutError)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _answer(400, "bad_request", "The request is malformed.")
    return defaults.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _answer(404, "not_found", "There is nothing at this address; addresses end with a slash.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 with a sentence where PostgreSQL or Redis is away, else 500; the log has the traceback."""
    error = sys.exception()
    if isinstance(error, DATABASE_ERRORS):
        return _unavailable(request, "its database")
    if isinstance(error, REDIS_ERRORS):
        return _unavailable(request, "Redis")
    if _is_api(request):
        return _answer(500, "server_error", "FlowPilot failed at this request. The failure is in its log.")
    # Django's own gives the template nothing.
    page = loader.render_to_string("500.html", {"request_id": current_request_id()})
    return HttpResponseServerError(page)


def _unavailable(request: HttpRequest, what: str) -> HttpResponse:
    message = AWAY.format(what=what)
    response = (
        _answer(503, "unavailable", message)
        if _is_api(request)
        else HttpResponse(message, status=503, content_type="text/plain; charset=utf-8")
    )
    response["Retry-After"] = RETRY_AFTER_S
    return response


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _answer(status: int, code: str, message: str) -> HttpResponse:
    return JsonResponse(problem(status, code, message), status=status, content_type=MEDIA_TYPE)
