"""ConnectWise Manage, REST API 2016+ (`/v4_6_release/apis/3.0`): developer.connectwise.com, Products, Manage, REST."""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sessions.psa.clients.base import MOST_PAGES, PAGE, Note, Ticket, TimeEntry, listed, member, number, too_many
from sessions.psa.http import Exchange

ROOT = "/v4_6_release/apis/3.0"


class ConnectWise:
    def __init__(self, exchange: Exchange, credentials: Mapping[str, str]) -> None:
        login = f"{credentials['company']}+{credentials['public_key']}:{credentials['private_key']}"
        login = base64.b64encode(login.encode()).decode()
        exchange.hide(login)
        self._exchange = exchange
        self._headers = {
            "authorization": f"Basic {login}",
            "clientId": credentials["client_id"],
        }

    def check(self) -> None:
        member(self._call("GET", "/system/info"), "version")

    def ticket(self, ticket_id: str) -> Ticket:
        answer = self._call("GET", _ticket(ticket_id))
        return Ticket(
            id=str(member(answer, "id")),
            title=str(member(answer, "summary")),
            client=str(member(answer, "company", "name")),
            status=str(member(answer, "status", "name")),
        )

    def add_note(self, ticket_id: str, note: Note) -> None:
        flags = {"detailDescriptionFlag": not note.internal, "internalAnalysisFlag": note.internal}
        body = {"text": note.text, **flags, "resolutionFlag": False}
        member(self._call("POST", f"{_ticket(ticket_id)}/notes", body=body), "id")

    def add_time(self, ticket_id: str, entry: TimeEntry) -> None:
        body = {
            "chargeToId": number(ticket_id, "ticket"),
            "chargeToType": "ServiceTicket",
            "member": {"identifier": entry.resource},
            "timeStart": _time(entry.started_at),
            "timeEnd": _time(entry.ended_at),
            "notes": entry.text,
        }
        member(self._call("POST", "/time/entries", body=body), "id")

    def set_status(self, ticket_id: str, status: str) -> None:
        change = [{"op": "replace", "path": "status", "value": {"name": status}}]
        member(self._call("PATCH", _ticket(ticket_id), body=change), "id")

    def notes(self, ticket_id: str) -> Iterator[str]:
        return self._texts(f"{_ticket(ticket_id)}/notes", "text", {})

    def times(self, ticket_id: str) -> Iterator[str]:
        conditions = f'chargeToId={number(ticket_id, "ticket")} and chargeToType="ServiceTicket"'
        return self._texts("/time/entries", "notes", {"conditions": conditions})

    def _texts(self, path: str, name: str, params: Mapping[str, str]) -> Iterator[str]:
        for page in range(1, MOST_PAGES + 1):
            asked = {**params, "orderBy": "id desc", "pageSize": PAGE, "page": page}
            items = listed({"items": self._call("GET", path, params=asked)}, "items")
            yield from (str(item.get(name) or "") for item in items)
            if len(items) < PAGE:
                return
        raise too_many()

    def _call(self, method: str, path: str, **content: Any) -> Any:
        return self._exchange.request(method, ROOT + path, headers=self._headers, **content)


def _ticket(ticket_id: str) -> str:
    return f"/service/tickets/{number(ticket_id, 'ticket')}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
