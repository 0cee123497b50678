"""`manage.py bench_runner`: server time of the technician's pages, beside an empty list of the same run."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.urls import reverse

from flowpilot.accounts.models import Account, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import membership_create
from flowpilot.common.benchmarks import Case, browser_of, compare, require_static_files, table_of
from flowpilot.flows.services import flow_create
from sessions.models import AISession
from sessions.runner.start import Start, session_start
from sessions.runner.steps import step_answer

MOST_RATIO = 3.0
NODES, ANSWERED = 60, 12


class Command(BaseCommand):
    help = (
        "Time the page of a guided session and the start page in a scratch account that is taken back again. Fails "
        "where a page takes more than three times what an empty admin list takes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=50)

    def handle(self, *args: Any, **options: Any) -> None:
        require_static_files()
        with transaction.atomic():
            self._run(options["rounds"])
            transaction.set_rollback(True)

    def _run(self, rounds: int) -> None:
        account = Account.objects.create(slug="bench-runner", name="Scratch account of bench_runner")
        user: User = membership_create(
            actor=None, account=account, email="technician@bench-runner.invalid", role=Role.TECHNICIAN
        ).user
        browser = browser_of(user)
        baseline = Case("an empty admin list", browser, reverse("admin:ai_sessions_client_changelist"))
        cases = [
            Case("a guided session", browser, reverse("work:run", args=[_session(user, account).pk])),
            Case("the start page", browser, reverse("work:home")),
        ]
        timings = compare(baseline, cases, rounds)
        self.stdout.write(table_of(timings))
        if slow := [timing.name for timing in timings if timing.ratio > MOST_RATIO]:
            raise CommandError(f"slower than {MOST_RATIO:g} times an empty list: {', '.join(slow)}")


def _session(user: User, account: Account) -> AISession:
    """A session some way down a long flow."""
    version = flow_create(actor=None, account=account, title="A long flow", definition=_definition())
    session = session_start(
        actor=user, account=account, start=Start(problem="It does not work"), flow_id=version.flow_id, score=0.9
    )
    for number in range(ANSWERED):
        session = step_answer(
            actor=user, session_id=session.pk, revision=session.revision, node_id=f"n{number}", option_id="o1"
        )
    return session


def _definition() -> dict[str, Any]:
    """A comb: each question leads on or to an end of its own."""
    half = NODES // 2
    nodes: list[dict[str, Any]] = [
        {
            "id": f"n{number}",
            "kind": "question",
            "text": f"Question {number}?",
            "options": [
                {"id": "o1", "label": "Yes", "next": f"n{number + 1}"},
                {"id": "o2", "label": "No", "next": f"e{number}"},
            ],
        }
        for number in range(half)
    ]
    ends = [{"id": f"e{number}", "kind": "resolution", "text": f"End {number}"} for number in range(half)]
    last = {"id": f"n{half}", "kind": "escalation", "text": "Hand it over"}
    return {"schema_version": 1, "root": "n0", "nodes": [*nodes, last, *ends]}
