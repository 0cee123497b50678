"""Whether `/readyz` tells the truth: unready while a store is away, ready again soon after, and never a traceback."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

# A store is away for those who ask a little after it went until a little before it begins to come back; and from when
# it is back, so long may pass until everybody has noticed.
MARGIN_S = 0.3


class Readiness:
    """Asks several times a second and keeps the answers with their times."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/readyz"
        self.answers: list[tuple[float, float, int, str]] = []
        self.away: list[tuple[str, float, float]] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        while not self.over.wait(0.1):
            begun = time.monotonic()
            try:
                with httpx.Client(timeout=15) as client:
                    answer = client.get(self.url)
            except httpx.HTTPError:
                continue  # nobody listens: that is no answer
            self.answers.append((begun, time.monotonic(), answer.status_code, answer.text))

    @contextmanager
    def while_away(self, store: str) -> Iterator[None]:
        """Entered when the store is down, left before it is started."""
        begun = time.monotonic()
        yield
        self.away.append((store, begun, time.monotonic()))

    def wait_until_ready(self, patience: float = 60) -> float:
        """Seconds until it was ready; raises AssertionError where it is not."""
        begun = time.monotonic()
        while time.monotonic() - begun < patience:
            if self.answers and self.answers[-1][0] > begun and self.answers[-1][2] == 200:
                return time.monotonic() - begun
            time.sleep(0.05)
        raise AssertionError(f"not ready after {patience:.0f} s: {self.answers[-1:]}")

    def close(self) -> None:
        self.over.set()
        self.thread.join(30)

    def lies(self) -> list[str]:
        """What it said that was not so."""
        found = [f"{status}: {text[:200]}" for _, _, status, text in self.answers if status not in (200, 503)]
        for store, first, last in self.away:
            during = [a for a in self.answers if a[0] > first + MARGIN_S and a[1] < last]
            if not during:
                found.append(f"said nothing while {store} was away for {last - first:.1f} s")
            found += [f"ready while {store} was away" for a in during if a[2] == 200]
            found += [f"does not name {store}: {a[3][:200]}" for a in during if f'"{store}": "unavailable"' not in a[3]]
        return found
