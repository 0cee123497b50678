"""Autotask, REST API v1.0 (autotask.net/help/developerhelp). The address is the zone's, such as
https://webservices5.autotask.net/atservicesrest."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sessions.psa.clients.base import MOST_PAGES, PAGE, Note, Ticket, TimeEntry, listed, member, number, too_many
from sessions.psa.errors import PsaRejected
from sessions.psa.http import Exchange

ROOT = "/v1.0"
NOTE_TYPE_GENERAL = 1
FOR_ALL, FOR_OWN_COMPANY = 1, 2
LONGEST_TITLE = 250


class Autotask:
    def __init__(self, exchange: Exchange, credentials: Mapping[str, str]) -> None:
        self._exchange = exchange
        self._headers = {
            "ApiIntegrationCode": credentials["integration_code"],
            "UserName": credentials["user_name"],
            "Secret": credentials["secret"],
        }

    def check(self) -> None:
        member(self._call("GET", "/ThresholdInformation"), "externalRequestThreshold")

    def ticket(self, ticket_id: str) -> Ticket:
        answer = member(self._call("GET", f"/Tickets/{number(ticket_id, 'ticket')}"), "item")
        if answer is None:
            raise PsaRejected(f"there is no ticket {ticket_id}", status_code=404)
        client = member(answer, "companyID")
        return Ticket(
            id=str(member(answer, "id")),
            title=str(member(answer, "title")),
            client=self._company(client) if client is not None else "",
            status=str(member(answer, "status")),
        )

    def add_note(self, ticket_id: str, note: Note) -> None:
        body = {
            "title": note.text.partition("\n")[0][:LONGEST_TITLE],
            "description": note.text,
            "noteType": NOTE_TYPE_GENERAL,
            "publish": FOR_OWN_COMPANY if note.internal else FOR_ALL,
        }
        member(self._call("POST", f"/Tickets/{number(ticket_id, 'ticket')}/Notes", body=body), "itemId")

    def add_time(self, ticket_id: str, entry: TimeEntry) -> None:
        body = {
            "ticketID": number(ticket_id, "ticket"),
            "resourceID": number(entry.resource, "resource of time entries"),
            "roleID": number(entry.role, "work role"),
            "dateWorked": _time(entry.started_at),
            "startDateTime": _time(entry.started_at),
            "endDateTime": _time(entry.ended_at),
            "hoursWorked": entry.hours,
            "summaryNotes": entry.text,
        }
        member(self._call("POST", "/TimeEntries", body=body), "itemId")

    def set_status(self, ticket_id: str, status: str) -> None:
        body = {"id": number(ticket_id, "ticket"), "status": number(status, "status")}
        member(self._call("PATCH", "/Tickets", body=body), "itemId")

    def notes(self, ticket_id: str) -> Iterator[str]:
        return self._texts("TicketNotes", ticket_id, "description")

    def times(self, ticket_id: str) -> Iterator[str]:
        return self._texts("TimeEntries", ticket_id, "summaryNotes")

    def _texts(self, entity: str, ticket_id: str, name: str) -> Iterator[str]:
        """Pages by id, as the documentation has it: the addresses of further pages come from the server."""
        last = 0
        for _ in range(MOST_PAGES):
            filters = [
                {"op": "eq", "field": "ticketID", "value": number(ticket_id, "ticket")},
                {"op": "gt", "field": "id", "value": last},
            ]
            search = json.dumps({"filter": filters, "MaxRecords": PAGE})
            items = listed(self._call("GET", f"/{entity}/query", params={"search": search}), "items")
            yield from (str(item.get(name) or "") for item in items)
            if len(items) < PAGE:
                return
            last = max(number(str(member(item, "id")), "entry") for item in items)
        raise too_many()

    def _company(self, company_id: Any) -> str:
        answer = self._call("GET", f"/Companies/{number(str(company_id), 'company')}")
        return str(member(answer, "item", "companyName"))

    def _call(self, method: str, path: str, **content: Any) -> Any:
        return self._exchange.request(method, ROOT + path, headers=self._headers, **content)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
