"""Looking a ticket up while a session is started: what it says goes into the fields that the technician left empty."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_safe

from flowpilot.common.errors import ServiceError
from sessions.psa.clients import Ticket
from sessions.psa.connections import ticket_lookup
from sessions.web.forms import StartForm, clients_known
from sessions.web.frame import at_work, frame
from sessions.web.pages import home_context

# The form's fields that a ticket tells, and how long each may be.
TOLD = {"title": 300, "client": 200, "problem": 20_000}
FILLED = "filled_"  # hidden beside each: what an earlier look-up wrote, which the next one may write anew


@dataclass(frozen=True, slots=True)
class Differs:
    """A field that holds something else than the ticket says: what was typed stays until it is exchanged."""

    name: str
    label: str
    said: str


@require_http_methods(["POST"])
@at_work
def look_up(request: HttpRequest) -> HttpResponse:
    """`POST …/ticket/` with the start form: the same form, filled from the ticket that it names.

    `use` (the name of a field) takes `said_<name>` over instead, and asks nobody. What could not be looked up is told
    beside the field; nothing that was typed is lost. The ticketing system has PSA_LOOKUP_TIMEOUT for its answer.
    """
    user: Any = request.user
    data = request.POST.copy()
    if (name := data.get("use", "")) in TOLD:
        data[name] = data[FILLED + name] = data.get(f"said_{name}", "")[: TOLD[name]]
        return _answer(request, StartForm(user, data, asks_ticket=True))
    form = StartForm(user, data, asks_ticket=True)
    form.is_valid()
    if any(name in form.errors for name in ("account", "psa_system", "psa_ticket_id")):
        return _answer(request, form)
    try:
        connection = form.cleaned_data["psa_system"]
        ticket = ticket_lookup(actor=user, connection_id=connection.pk, ticket_id=form.cleaned_data["psa_ticket_id"])
    except ServiceError as error:
        form.add_error("psa_ticket_id", f"{error.message[:1].upper()}{error.message[1:]}.")
        return _answer(request, form)
    data["psa_ticket_id"] = ticket.id
    differs = _fill(data, ticket)
    return _answer(request, StartForm(user, data, asks_ticket=True), ticket=ticket, differs=differs)


@require_safe
@at_work
def clients(request: HttpRequest) -> HttpResponse:
    """`GET …/clients/?account=1&client=ac`: names of the account's clients that hold what was typed, for a choice."""
    account = StartForm(request.user, {"account": request.GET.get("account", "")}).chosen_account
    names = clients_known(request.user, account, request.GET.get("client", "")) if account else []
    return TemplateResponse(request, "work/clients.html", {"clients": names})


def _fill(data: QueryDict, ticket: Ticket) -> list[Differs]:
    """Write what the ticket says where nothing was typed, or only what an earlier look-up wrote."""
    said = {"title": ticket.title, "client": ticket.client, "problem": ticket.title}
    differs = []
    for name, most in TOLD.items():
        text = " ".join(said[name].replace("\0", "").split())[:most]
        typed = data.get(name, "").strip()
        if not typed or typed == data.get(FILLED + name, "").strip():
            data[name] = data[FILLED + name] = text
        elif text and typed != text and name != "problem":  # a ticket's title does not tell the problem better
            differs.append(Differs(name, str(StartForm.base_fields[name].label or name.capitalize()), text))
    return differs


def _answer(request: HttpRequest, form: StartForm, **found: Any) -> HttpResponse:
    """The page, and 200 even where a look-up failed: a proxy would put a page of its own in place of a 502's."""
    filled = [(FILLED + name, form.data.get(FILLED + name, "")) for name in TOLD]
    form.drop_other_errors()
    context = home_context(request, form, filled=filled, **found)
    return TemplateResponse(request, "work/home.html", frame(request, "Work", **context))
