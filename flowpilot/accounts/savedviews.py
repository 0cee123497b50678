"""Saved views: a list as somebody likes to see it, under a name of their own. Nobody else sees or changes them."""

from django.db import IntegrityError, transaction

from flowpilot.accounts.models import SavedView, User
from flowpilot.common.errors import Conflict, InvalidInput, NotFound

MOST_VIEWS = 30
LONGEST_NAME, LONGEST_QUERY = 60, 2000  # as the columns are


def saved_views(*, actor: User, page: str) -> list[SavedView]:
    return list(SavedView.objects.filter(user=actor, page=page)[:MOST_VIEWS])


@transaction.atomic
def saved_view_save(*, actor: User, page: str, name: str, query: str) -> SavedView:
    """Keep `query` (what stands in the address after the question mark) as `name`; an older one of that name goes.

    Raises InvalidInput for an empty or too long name or query, or one with characters that cannot be kept, and
    Conflict where there are as many views as a page can show.
    """
    name = _name(name)
    if len(query) > LONGEST_QUERY or "\0" in query:
        raise InvalidInput("these filters are too long to be saved")
    User.objects.select_for_update().get(pk=actor.pk)  # two tabs at once must not pass the limit
    own = SavedView.objects.filter(user=actor, page=page)
    if own.exclude(name=name).count() >= MOST_VIEWS:
        raise Conflict(f"there are {MOST_VIEWS} saved views already; delete one first")
    view, _ = own.update_or_create(user=actor, page=page, name=name, defaults={"query": query})
    return view


def saved_view_rename(*, actor: User, view_id: int, name: str) -> SavedView:
    """Raises NotFound for another's view, InvalidInput for a bad name, Conflict for a name that is taken."""
    view = _own(actor, view_id)
    view.name = _name(name)
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
    except IntegrityError as error:
        raise Conflict(f"you have a view called {view.name} already") from error
    return view


def saved_view_delete(*, actor: User, view_id: int) -> SavedView:
    """Raises NotFound for another's view."""
    view = _own(actor, view_id)
    SavedView.objects.filter(pk=view.pk).delete()
    return view


def _own(actor: User, view_id: int) -> SavedView:
    view = SavedView.objects.filter(user=actor, pk=view_id).first()
    if view is None:
        raise NotFound("you have no such saved view")
    return view


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or "\0" in name:
        raise InvalidInput(f"give the view a name of 1 to {LONGEST_NAME} characters")
    return name
