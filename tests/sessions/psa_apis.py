"""What the three systems answer, from their documented APIs: only what FlowPilot uses of them."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sessions.psa_servers import FakePsa

CONNECTWISE, AUTOTASK = "/v4_6_release/apis/3.0", "/v1.0"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def api(self) -> str:
        if self.path.startswith(CONNECTWISE):
            return "connectwise"
        return "autotask" if self.path.startswith(AUTOTASK) else "halopsa"

    @property
    def is_write(self) -> bool:
        return self.method in ("POST", "PATCH") and self.path != "/auth/token"

    @property
    def ticket_id(self) -> int:
        """The ticket that it is about, wherever this API says so; 0 where it is about none."""
        if found := re.search(r"/tickets/(\d+)", self.path, re.IGNORECASE):
            return int(found[1])
        said = self.body[0] if isinstance(self.body, list) else self.body or {}
        search = json.loads(self.query.get("search", "{}"))
        in_search = next((f["value"] for f in search.get("filter", []) if f["field"] == "ticketID"), 0)
        in_conditions = re.search(r"chargeToId=(\d+)", self.query.get("conditions", ""))
        found_in = (
            said.get("chargeToId"), said.get("ticket_id"), said.get("ticketID"), said.get("id"), in_search,
            self.query.get("ticket_id"), in_conditions and in_conditions[1],
        )  # fmt: skip
        return int(next((value for value in found_in if value), 0))

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    body: Any


REFUSED = Answer(401, {"message": "unauthorized"})
ABSENT = Answer(404, {"code": "NotFound", "message": "there is no such thing"})


def connectwise(psa: "FakePsa", request: Request) -> Answer:
    login = "company-of-connectwise+public_key-of-connectwise:private_key-of-connectwise"
    wanted = f"Basic {base64.b64encode(login.encode()).decode()}"
    if request.header("authorization") != wanted or request.header("clientId") != "client_id-of-connectwise":
        return REFUSED
    path = request.path.removeprefix(CONNECTWISE)
    if path == "/system/info":
        return Answer(200, {"version": "v2026.1", "isCloud": True})
    ticket = psa.ticket(request.ticket_id)
    if ticket is None:
        return ABSENT
    if request.method == "PATCH":
        ticket.status = request.body[0]["value"]["name"]
        ticket.statuses_set.append(ticket.status)
    if path.endswith("/notes"):
        return _list_or_add(psa, request, ticket.notes, page="page", size="pageSize")
    if path == "/time/entries":
        return _list_or_add(psa, request, ticket.times, page="page", size="pageSize")
    company = {"id": 7, "identifier": "Acme", "name": "Acme Ltd"}
    status = {"id": 1, "name": ticket.status}
    return Answer(200, {"id": ticket.id, "summary": f"Ticket {ticket.id}", "company": company, "status": status})


def _list_or_add(psa: "FakePsa", request: Request, rows: list[dict[str, Any]], *, page: str, size: str) -> Answer:
    if request.method == "POST":
        row = {"id": psa.next_id(), **request.body}
        rows.append(row)
        return Answer(201, row)
    newest = sorted(rows, key=lambda row: -row["id"])
    start = (int(request.query[page]) - 1) * int(request.query[size])
    return Answer(200, newest[start : start + int(request.query[size])])


def halopsa(psa: "FakePsa", request: Request) -> Answer:
    if request.path == "/auth/token":
        return _halo_token(psa, request)
    if request.header("authorization").removeprefix("Bearer ") not in psa.tokens:
        return REFUSED
    if request.path == "/api/tickets" and request.method == "GET":
        return Answer(200, {"record_count": 0, "tickets": []})
    ticket = psa.ticket(request.ticket_id)
    if ticket is None:
        return ABSENT
    if request.path == "/api/actions" and request.method == "POST":
        row = {"id": psa.next_id(), **request.body[0]}
        (ticket.times if "timetaken" in row else ticket.notes).append(row)
        return Answer(201, row)
    if request.path == "/api/actions":
        rows = sorted([*ticket.notes, *ticket.times], key=lambda row: -row["id"])
        start = (int(request.query["page_no"]) - 1) * int(request.query["page_size"])
        page = rows[start : start + int(request.query["page_size"])]
        return Answer(200, {"record_count": len(rows), "actions": page})
    if request.method == "POST":
        ticket.status = str(request.body[0]["status_id"])
        ticket.statuses_set.append(ticket.status)
    return Answer(
        200,
        {"id": ticket.id, "summary": f"Ticket {ticket.id}", "client_name": "Acme Ltd", "status_id": int(ticket.status)},
    )


def _halo_token(psa: "FakePsa", request: Request) -> Answer:
    wanted = {"grant_type": "client_credentials", "client_id": "client_id-of-halopsa"}
    wanted["client_secret"] = "client_secret-of-halopsa"
    if not wanted.items() <= request.body.items():
        return Answer(400, {"error": "invalid_client"})
    token = f"token-{psa.next_id()}"
    psa.tokens.add(token)
    return Answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})


def autotask(psa: "FakePsa", request: Request) -> Answer:
    wanted = {"ApiIntegrationCode": "integration_code", "UserName": "user_name", "Secret": "secret"}
    if any(request.header(name) != f"{value}-of-autotask" for name, value in wanted.items()):
        return REFUSED
    path = request.path.removeprefix(AUTOTASK)
    if path == "/ThresholdInformation":
        return Answer(200, {"externalRequestThreshold": 10000, "currentTimeframeRequestCount": 1})
    if path.startswith("/Companies/"):
        return Answer(200, {"item": {"id": 7, "companyName": "Acme Ltd"}})
    ticket = psa.ticket(request.ticket_id)
    if ticket is None:
        return Answer(200, {"item": None}) if request.method == "GET" else ABSENT
    if request.method == "PATCH":
        ticket.status = str(request.body["status"])
        ticket.statuses_set.append(ticket.status)
        return Answer(200, {"itemId": ticket.id})
    if path.endswith("/query"):
        return _autotask_page(request, ticket.notes if path.startswith("/TicketNotes") else ticket.times)
    if request.method == "POST":
        row = {"id": psa.next_id(), **request.body}
        (ticket.notes if path.endswith("/Notes") else ticket.times).append(row)
        return Answer(200, {"itemId": row["id"]})
    item = {"id": ticket.id, "title": f"Ticket {ticket.id}", "companyID": 7, "status": int(ticket.status)}
    return Answer(200, {"item": item})


def _autotask_page(request: Request, rows: list[dict[str, Any]]) -> Answer:
    search = json.loads(request.query["search"])
    after = next((f["value"] for f in search["filter"] if f["op"] == "gt"), 0)
    page = sorted((row for row in rows if row["id"] > after), key=lambda row: row["id"])[: search["MaxRecords"]]
    return Answer(200, {"items": page, "pageDetails": {"count": len(page), "nextPageUrl": None}})


APIS: dict[str, Callable[["FakePsa", Request], Answer]] = {
    "connectwise": connectwise,
    "halopsa": halopsa,
    "autotask": autotask,
}
