"""`Authorization: Bearer <API key>` for the REST API."""

from django.conf import settings
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from flowpilot.accounts.apikeys import KeyEnded, api_key_authenticate
from flowpilot.accounts.loginlocks import client_address
from flowpilot.accounts.models import ApiKey, User
from flowpilot.common.throttling import Window


class ApiKeyAuthentication(BaseAuthentication):
    """The request acts as the key's own user.

    An address that brings too many wrong keys in a minute has to wait, whatever it brings next.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        wrong = Window(f"wrong-keys:{client_address(request._request) or 'socket'}")
        if settings.API_KEY_TRIES and wrong.count() >= settings.API_KEY_TRIES:
            raise Throttled(wrong.seconds_left, "Too many wrong API keys came from your address.")
        try:
            key = api_key_authenticate(words[1].decode("latin-1")) if len(words) == 2 else None
        except KeyEnded as error:
            # Who has the secret guesses at nothing: a service that goes on with an ended key locks no other one out.
            raise AuthenticationFailed(f"{error.message}.", code=error.code) from error
        if key is None:
            wrong.add()
            raise AuthenticationFailed("This API key is unknown, expired or revoked.")
        return key.membership.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
