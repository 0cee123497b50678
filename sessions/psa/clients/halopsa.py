"""HaloPSA, REST API: halopsa.com/apidoc. Log-in by OAuth 2.0 client credentials (RFC 6749, 4.4)."""

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from sessions.psa.clients.base import MOST_PAGES, PAGE, Note, Ticket, TimeEntry, listed, member, number, too_many
from sessions.psa.errors import PsaFailed, PsaRejected, PsaUnclear
from sessions.psa.http import Exchange

MARGIN_S = 60.0
LONGEST_S = 3600.0
# (token, good until) of each log-in, in this process only: a token is a secret and is written nowhere.
_tokens: dict[str, tuple[str, float]] = {}
_tokens_lock = threading.Lock()


class HaloPsa:
    def __init__(self, exchange: Exchange, credentials: Mapping[str, str], base_url: str) -> None:
        self._exchange = exchange
        self._credentials = dict(credentials)
        login = "\0".join((base_url, *(f"{name}={value}" for name, value in sorted(credentials.items()))))
        self._login = hashlib.sha256(login.encode()).hexdigest()

    def check(self) -> None:
        self._forget()
        params = {"pageinate": "true", "page_size": 1, "page_no": 1}
        listed(self._call("GET", "/api/tickets", params=params), "tickets")

    def ticket(self, ticket_id: str) -> Ticket:
        answer = self._call("GET", f"/api/tickets/{number(ticket_id, 'ticket')}")
        return Ticket(
            id=str(member(answer, "id")),
            title=str(member(answer, "summary")),
            client=str(answer.get("client_name") or ""),
            status=str(member(answer, "status_id")),
        )

    def add_note(self, ticket_id: str, note: Note) -> None:
        self._act(ticket_id, note=note.text, outcome="Note", hiddenfromuser=note.internal)

    def add_time(self, ticket_id: str, entry: TimeEntry) -> None:
        when = entry.started_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._act(
            ticket_id,
            note=entry.text,
            outcome="Time",
            hiddenfromuser=True,
            timetaken=entry.hours,
            actiondatecreated=when,
        )

    def set_status(self, ticket_id: str, status: str) -> None:
        body = [{"id": number(ticket_id, "ticket"), "status_id": number(status, "status")}]
        _written(self._call("POST", "/api/tickets", body=body))

    def notes(self, ticket_id: str) -> Iterator[str]:
        for page in range(1, MOST_PAGES + 1):
            params = {
                "ticket_id": number(ticket_id, "ticket"), "pageinate": "true", "page_size": PAGE, "page_no": page,
            }  # fmt: skip
            actions = listed(self._call("GET", "/api/actions", params=params), "actions")
            yield from (str(action.get("note") or "") for action in actions)
            if len(actions) < PAGE:
                return
        raise too_many()

    # Time is an action like a note.
    times = notes

    def _act(self, ticket_id: str, **fields: Any) -> None:
        body = [{"ticket_id": number(ticket_id, "ticket"), **fields}]
        _written(self._call("POST", "/api/actions", body=body))

    def _call(self, method: str, path: str, **content: Any) -> Any:
        """With the token at hand; a token that is refused is fetched anew, once. A refusal has written nothing."""
        token = self._token()
        try:
            return self._send(token, method, path, content)
        except PsaFailed as error:
            if error.status_code != 401:
                raise
        self._forget()
        return self._send(self._token(), method, path, content)

    def _send(self, token: str, method: str, path: str, content: Mapping[str, Any]) -> Any:
        self._exchange.hide(token)
        return self._exchange.request(method, path, headers={"authorization": f"Bearer {token}"}, **content)

    def _token(self) -> str:
        with _tokens_lock:
            token, until = _tokens.get(self._login, ("", 0.0))
        if time.monotonic() < until:
            return token
        answer = self._log_in()
        token = str(member(answer, "access_token"))
        lifetime = answer.get("expires_in")
        seconds = min(float(lifetime), LONGEST_S) if isinstance(lifetime, int | float) else 0.0
        with _tokens_lock:
            _tokens[self._login] = (token, time.monotonic() + seconds - MARGIN_S)
        return token

    def _log_in(self) -> Any:
        """Whatever goes wrong here, nothing has been written to the ticket: unclear is only failed."""
        form = {"grant_type": "client_credentials", "scope": "all"}
        form |= {name: value for name, value in self._credentials.items() if value and name != "tenant"}
        tenant = self._credentials.get("tenant")
        try:
            return self._exchange.request(
                "POST", "/auth/token", form=form, params={"tenant": tenant} if tenant else None
            )
        except (PsaUnclear, PsaRejected) as error:
            raise PsaFailed(
                f"log-in: {error.message}",
                status_code=error.status_code,
                retry_after=error.retry_after,
                no_answer=error.no_answer,
            ) from error

    def _forget(self) -> None:
        with _tokens_lock:
            _tokens.pop(self._login, None)


def _written(answer: Any) -> None:
    """Halo answers with what it wrote, alone or as a list of one. Raises PsaUnclear for anything else."""
    member(answer[0] if isinstance(answer, list) and answer else answer, "id")
