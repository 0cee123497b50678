"""`Authorization: Bearer <API key>` for the REST API."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from flowpilot.accounts.models import ApiKey, User
from flowpilot.accounts.services import api_key_authenticate


class ApiKeyAuthentication(BaseAuthentication):
    """The request acts as the key's own user."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        key = api_key_authenticate(words[1].decode("latin-1")) if len(words) == 2 else None
        if key is None or not key.membership.user.is_active:
            raise AuthenticationFailed("This API key is unknown, expired or revoked.")
        return key.membership.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
