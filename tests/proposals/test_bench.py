"""The benches of pages run to their end and clean up after themselves; how quick they find the pages is not judged."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from flowpilot.accounts.models import Account
from proposals.models import FlowProposal

pytestmark = pytest.mark.django_db(transaction=True)


def run(name: str, **options: object) -> str:
    told = StringIO()
    try:
        call_command(name, stdout=told, **options)
    except CommandError as error:
        assert str(error).startswith("slower than"), error  # noqa: PT017 - other refusals are failures
    return told.getvalue()


def test_bench_queue_times_every_tab_and_takes_its_account_away() -> None:
    told = run("bench_queue", proposals=60, pending=30, rounds=1, yes=True)
    assert all(name in told for name in ("default", "page in the middle", "searched, two words", "decided"))
    assert not Account.objects.exists()
    assert not FlowProposal.objects.exists()


def test_bench_queue_asks_before_it_writes() -> None:
    with pytest.raises(CommandError, match="say --yes"):
        call_command("bench_queue", stdout=StringIO())


def test_bench_runner_times_the_technicians_pages() -> None:
    assert "a guided session" in run("bench_runner", rounds=1)
    assert not Account.objects.exists()
