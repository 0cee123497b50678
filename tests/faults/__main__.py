"""Run a whole FlowPilot under load, kill its processes and stop its stores, and count what was lost or done twice.

    python -m tests.faults [--kills 50] [--stops 2] [--seed 1] [--small-disk]

Writes one JSON object with what was done and found; exit status 1 where anything was. Takes about two seconds a kill.
`--small-disk` needs the right to mount: PostgreSQL's folder is then a small file system, which is filled and freed.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.house import House, Postgres, Redis, stores
from tests.faults.load import Load
from tests.faults.truth import Readiness

if TYPE_CHECKING:
    from flowpilot.accounts.models import Account
    from tests.sessions.psa_servers import FakePsa

CALM_S, AWAY_S = 240.0, 3.0
PROPOSALS_A_KILL, PUSHES_A_KILL = 4, 6
SMALL_DISK_MB = 400


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="kill -9 of web, worker and beat by lot")
    parser.add_argument("--stops", type=int, default=2, help="how often each store is stopped and started")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small-disk", action="store_true", help="fill PostgreSQL's disk once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flowpilot-") as name, ExitStack() as stack:
        folder = Path(name)
        if options.small_disk:
            stack.enter_context(small_disk(folder / "postgres"))
        postgres, cache, environment = stack.enter_context(stores(folder))
        os.environ.update(environment)
        found = run(options, folder, postgres, cache, environment)
    sys.stdout.write(f"{json.dumps(found, indent=1)}\n")
    return 1 if found["faults"] or not found["sees_a_lost_write"] else 0


def run(
    options: argparse.Namespace, folder: Path, postgres: Postgres, cache: Redis, environment: dict[str, str]
) -> dict[str, Any]:
    os.environ["DJANGO_SETTINGS_MODULE"] = "flowpilot.settings"
    import django

    django.setup()
    from django.core.management import call_command

    from tests.faults import checks
    from tests.sessions.psa_servers import FakePsa, serving

    call_command("migrate", verbosity=0)
    rng = random.Random(options.seed)
    with serving(FakePsa(plan=weather)) as psa, ExitStack() as stack:
        account, key, proposals = furnish(options.kills, psa)
        house = House(environment, folder / "processes.log")
        stack.callback(house.close)
        house.begin()
        ready = Readiness(house.url)
        stack.callback(ready.close)
        ready.wait_until_ready()
        hurry = Hurry()
        stack.callback(hurry.over.set)
        load = Load(house.url, key, proposals)
        load.begin()
        trouble(options, rng, house, ready, {"postgresql": postgres, "redis": cache}, folder / "postgres")
        recovered = ready.wait_until_ready()
        load.stop()
        calm = wait_until_calm(account)
        done = load.done
        faults = [*ready.lies(), *calm, *checks.faults(account, done, psa)]
        house.close()
        return {
            "kills": house.killed,
            "stores_stopped": len(ready.away),
            "requests": done.asked,
            "acknowledged": {
                "sessions": len(done.sessions),
                "jobs": len(done.jobs),
                "lines": sum(map(len, done.jobs.values())),
                "decisions": len(done.decided),
            },
            "pushes": options.kills * PUSHES_A_KILL,
            "readiness_asked": len(ready.answers),
            "ready_again_after_s": round(recovered, 1),
            "faults": faults,
            "sees_a_lost_write": sees_a_lost_write(account, done, psa),
        }


def weather(request: Any) -> str:
    """Slow enough for a worker to be killed between what it sent and what it noted."""
    return "late" if request.is_write else ""


def furnish(kills: int, psa: "FakePsa") -> "tuple[Account, str, list[int]]":
    """An account with a key, proposals to decide and pushes to send."""
    from flowpilot.accounts.apikeys import api_key_create
    from flowpilot.accounts.roles import Role
    from sessions.models import PsaConnection
    from tests.factories import make_account, make_connection, make_member, make_proposal, make_push, make_session

    account = make_account("faults", "Faults")
    owner = make_member(account, Role.OWNER, "olivia@faults.test", "Olivia")
    _, key = api_key_create(actor=owner, account=account, name="Load", role=Role.TEAM_ADMIN)
    proposals = [make_proposal(account, sessions=0, title=f"Made {n}").pk for n in range(kills * PROPOSALS_A_KILL)]
    kinds = PsaConnection.Kind.values
    places = [make_connection(account, kind, base_url=psa.url, time_resource="12", time_role="3") for kind in kinds]
    for number in range(1, kills * PUSHES_A_KILL + 1):
        session = make_session(account, status="active")
        make_push(session, connection=places[number % 3], ticket_id=str(number), attempts_allowed=200)
    return account, key, proposals


class Hurry:
    """Asks for what beat asks for, every second."""

    TASKS = (
        "proposals.tasks.analyze_pending_sessions",
        "sessions.psa.tasks.deliver_due_pushes",
        "sessions.ingest.tasks.ingest_waiting",
    )

    def __init__(self) -> None:
        self.over = threading.Event()
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        from kombu.exceptions import OperationalError

        from flowpilot.celery import app

        while not self.over.wait(1):
            for task in self.TASKS:
                with suppress(OperationalError, OSError):
                    app.send_task(task, expires=5, retry=False)


def trouble(
    options: argparse.Namespace, rng: random.Random, house: House, ready: Readiness, found: dict[str, Any], disk: Path
) -> None:
    """Kills by lot, evenly among the three; between them each store is away for some seconds, and the disk full."""
    names = (list(house.commands) * options.kills)[: options.kills]
    rng.shuffle(names)
    events: list[tuple[str, str]] = [("kill", name) for name in names]
    stops = [("stop", name) for name in found] * options.stops + [("fill", "")] * options.small_disk
    for stop in stops:
        events.insert(rng.randrange(len(events) // 4, len(events) + 1), stop)
    for kind, name in events:
        time.sleep(rng.uniform(0.5, 2.0))
        if kind == "kill":
            house.kill(name, rng)
        elif kind == "stop":
            ready.wait_until_ready()
            found[name].stop()
            with ready.while_away(name):
                time.sleep(AWAY_S)
            found[name].start()
            ready.wait_until_ready()
        else:
            fill(disk, found["postgresql"])
            ready.wait_until_ready()


def fill(disk: Path, postgres: Postgres) -> None:
    """Leave no room for some seconds. PostgreSQL may end for want of it: then it is begun again, as by its service."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
            file.flush()
    time.sleep(AWAY_S * 2)
    ballast.unlink()
    postgres.start()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_MB}m,mode=0777", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def wait_until_calm(account: "Account") -> list[str]:
    """Nothing is left to be done; otherwise what is, as a fault."""
    from django.db import connection

    from tests.faults.checks import waiting

    connection.close()
    deadline = time.monotonic() + CALM_S
    while left := waiting(account):
        if time.monotonic() > deadline:
            return [f"not done {CALM_S:.0f} s after the last fault: {left}"]
        time.sleep(0.5)
    return []


def sees_a_lost_write(account: "Account", done: Any, psa: "FakePsa") -> bool:
    """Whether the checks find it when a session that was acknowledged is taken away: or else they prove nothing."""
    from django.db import transaction

    from sessions.models import AISession
    from tests.faults.checks import faults

    with transaction.atomic():
        name = min(done.sessions)
        AISession.objects.filter(account=account, external_id=name).update(external_id="taken away")
        seen = f"lost: session {name}" in faults(account, done, psa)
        transaction.set_rollback(True)
    return seen


if __name__ == "__main__":
    sys.exit(main())
