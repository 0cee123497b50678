"""Ticket numbers of the ticketing systems (PSA), unique within an account."""

from datetime import datetime
from random import Random

from flowpilot.sample.cast import PsaSystem

_PREFIXES = {"connectwise": "CW", "halopsa": "HALO", "autotask": "AT"}


class TicketNumbers:
    """Numbers only grow, with gaps for the tickets that are none of ours."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._last = {"connectwise": 41200, "halopsa": 18800}
        self._day = ""
        self._of_day = 0

    def next(self, system: PsaSystem, opened: datetime) -> dict[str, str]:
        """`{"system", "ticket_id"}` for a ticket opened at this time; times must not go back a day."""
        step = self._rng.randint(1, 4)
        if system == "autotask":
            return {"system": system, "ticket_id": self._by_day(f"{opened:%Y%m%d}", step)}
        self._last[system] += step
        return {"system": system, "ticket_id": str(self._last[system])}

    def _by_day(self, day: str, step: int) -> str:
        if day != self._day:
            self._day, self._of_day = day, 0
        self._of_day += step
        return f"T{day}.{self._of_day:04d}"


def external_id(psa: dict[str, str]) -> str:
    return f"{_PREFIXES[psa['system']]}-{psa['ticket_id']}"
