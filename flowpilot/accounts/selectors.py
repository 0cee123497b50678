"""Which account a request means."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from flowpilot.accounts.models import Account
from flowpilot.common.errors import InvalidInput, NotFound

# How an operation of the API tells of what `account_of_request` reads.
ACCOUNT_PARAMETER = OpenApiParameter("account", str, description="The account's slug, for callers with several.")


def account_of_request(user: Any, slug: str | None) -> Account:
    """The account named by `slug`, or a member's only one.

    Raises NotFound for a slug that is not one of the user's, InvalidInput where one must be named.
    """
    if not slug:
        if user.is_superuser:
            raise InvalidInput("name the account by ?account=SLUG")
        account: Account = user.only_account()
        return account
    # PostgreSQL refuses to compare with a NUL, which an address can carry.
    found = Account.objects.for_user(user).filter(slug=slug.replace("\0", "?")).first()
    if found is None:
        raise NotFound(f"there is no account {slug!r}")
    return found
