"""Smaller answers of the API for whoever accepts gzip."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

COMPRESSED = ("application/json", "application/x-ndjson", "application/vnd.oai.openapi", "application/problem+json")


class CompressApi(GZipMiddleware):
    """Compresses what the API is asked for (GET), and nothing else.

    The length of a compressed answer tells what stands in it beside text that an attacker chose (BREACH). So pages,
    which carry CSRF tokens, stay as they are, and so does the answer to a write, which may show a new secret beside
    what the caller sent; the random length that Django adds to each answer blurs the rest.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        media_type = response.get("Content-Type", "").partition(";")[0]
        if request.method == "GET" and request.path.startswith("/api/v1/") and media_type in COMPRESSED:
            return super().process_response(request, response)
        return response
