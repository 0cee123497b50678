"""Clients that write over the API and keep at it until they have an answer, and note what was answered."""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

PAUSE_S = 0.05
LINES = 40


@dataclass
class Acknowledged:
    """What FlowPilot said it had done."""

    sessions: set[str] = field(default_factory=set)
    jobs: dict[int, list[str]] = field(default_factory=dict)
    decided: set[int] = field(default_factory=set)
    asked: int = 0
    wrong: list[str] = field(default_factory=list)


def record(external_id: str, number: int) -> dict[str, Any]:
    """A session as `docs/session-record.md` has it: one of three problems."""
    topic = ("Printer does not print", "VPN drops at noon", "Mailbox is full")[number % 3]
    question, answer, action = (
        ("Is there paper in the tray?", "No", "Fill the paper tray"),
        ("Does it drop at the same time each day?", "Yes", "Renew the lease of the address"),
        ("Is the archive switched on?", "No", "Switch the archive on"),
    )[number % 3]
    return {
        "external_id": external_id,
        "title": topic,
        "problem_summary": topic,
        "problem_domain": ("printing", "networking", "mail")[number % 3],
        "technician": f"tech{number % 5}@faults.test",
        "client": f"Client {number % 4}",
        "status": "resolved",
        "started_at": "2026-03-02T09:00:00Z",
        "ended_at": "2026-03-02T09:20:00Z",
        "steps": [
            {"kind": "question", "prompt": question, "options": ["Yes", "No"], "selected_option": answer},
            {"kind": "action", "prompt": action, "options": ["Done"], "selected_option": "Done"},
        ],
    }


class Load:
    """Threads that write; `stop()` lets each end what it has begun."""

    def __init__(self, url: str, key: str, proposals: list[int]) -> None:
        self.url, self.headers = f"{url}/api/v1", {"Authorization": f"Bearer {key}"}
        self.done = Acknowledged()
        self.proposals = proposals
        self.over = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=[work], daemon=True)
            for work in (self._sessions, self._sessions, self._jobs, self._decisions)
        ]

    def begin(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive(), "a client still has no answer"

    def _run(self, work: Callable[[httpx.Client, random.Random], None]) -> None:
        with httpx.Client(headers=self.headers, timeout=15) as client:
            rng = random.Random(work.__name__)
            while not self.over.is_set():
                work(client, rng)
                time.sleep(PAUSE_S)

    def _asked(self, client: httpx.Client, path: str, **request: Any) -> httpx.Response:
        """The answer that counts: what cannot be reached or says 5xx is asked again, with the same key."""
        headers = {"Idempotency-Key": str(uuid.uuid4()), **request.pop("headers", {})}
        while True:
            self.done.asked += 1
            try:
                answer = client.post(f"{self.url}/{path}", headers=headers, **request)
            except httpx.HTTPError:
                time.sleep(0.2)
                continue
            # 409: the first try with this key is still on its way, or its connection is not known to be gone.
            if answer.status_code >= 500 or (answer.status_code == 409 and "idempotency" in answer.text.lower()):
                if answer.status_code not in (
                    409,
                    502,
                    503,
                    504,
                ) and "application/problem+json" not in answer.headers.get("content-type", ""):
                    self.done.wrong.append(f"{path}: {answer.status_code} {answer.text[:200]}")
                time.sleep(0.2)
                continue
            return answer

    def _sessions(self, client: httpx.Client, rng: random.Random) -> None:
        external_id = f"one-{uuid.uuid4()}"
        answer = self._asked(client, "sessions/", json=record(external_id, rng.randrange(60)))
        if answer.status_code == 201:
            self.done.sessions.add(external_id)
        else:
            self.done.wrong.append(f"a session: {answer.status_code} {answer.text[:300]}")

    def _jobs(self, client: httpx.Client, rng: random.Random) -> None:
        names = [f"line-{uuid.uuid4()}" for _ in range(LINES)]
        body = "\n".join(json.dumps(record(name, rng.randrange(60))) for name in names)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._asked(client, "ingest-jobs/", content=body.encode(), headers=headers)
        if answer.status_code in (201, 202):
            self.done.jobs[answer.json()["id"]] = names
        elif answer.status_code != 409:  # too many wait: told, and nothing taken on
            self.done.wrong.append(f"a job: {answer.status_code} {answer.text[:300]}")
        time.sleep(0.5)

    def _decisions(self, client: httpx.Client, rng: random.Random) -> None:
        if not self.proposals:
            time.sleep(0.2)
            return
        pk = self.proposals.pop()
        answer = self._asked(client, f"proposals/{pk}/approve/", json={"revision": 1})
        if answer.status_code in (200, 201):
            self.done.decided.add(pk)
        else:
            self.done.wrong.append(f"a decision: {answer.status_code} {answer.text[:300]}")
