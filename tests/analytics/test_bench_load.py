"""The large account of the benchmarks, small."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from analytics.management.commands import bench_analytics
from flowpilot.accounts.models import Account
from proposals.models import FlowProposal
from sessions.models import AISession, Handover, PsaAttempt, PsaPush, SessionStep


def load(**options: int) -> str:
    out = StringIO()
    call_command("bench_load", sessions=600, days=20, yes=True, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_it_makes_a_whole_account_and_removes_it() -> None:
    assert "600 sessions" in load()
    account = Account.objects.get(slug="bench-analytics")
    assert account.time_zone != "UTC"
    sessions = AISession.objects.filter(account=account)
    assert sessions.count() == 600
    assert set(sessions.values_list("status", flat=True)) >= {"resolved", "escalated", "abandoned"}
    assert 6 < SessionStep.objects.filter(account=account).count() / 600 < 8
    again = sessions.exclude(psa_ticket_id="").values("psa_system", "psa_ticket_id").annotate(n=Count("pk"))
    assert again.filter(n__gt=1).exists()
    for model in (Handover, PsaPush, PsaAttempt, FlowProposal):
        assert model._default_manager.filter(account=account).exists(), model
    times = PsaPush.objects.filter(account=account, kind="time")
    assert times.exists()
    assert not times.filter(payload__started_at=None).exists()
    assert FlowProposal.objects.filter(account=account, published_flow__isnull=False).exists()
    with pytest.raises(CommandError, match="--remove"):
        load()
    call_command("bench_load", remove=True, yes=True)
    assert not Account.objects.filter(slug="bench-analytics").exists()


@pytest.mark.django_db
def test_it_asks_first_and_leaves_an_account_of_that_name_alone() -> None:
    with pytest.raises(CommandError, match="--yes"):
        call_command("bench_load")
    Account.objects.create(slug="bench-analytics", name="Our benches")
    with pytest.raises(CommandError, match="not of this command's making"):
        call_command("bench_load", remove=True, yes=True)
    assert Account.objects.filter(slug="bench-analytics").exists()


@pytest.mark.django_db(transaction=True)
def test_the_bench_of_pages_opens_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="bench_load"):
        call_command("bench_analytics")
    load()
    out = StringIO()
    monkeypatch.setattr(bench_analytics, "MOST", {"overview": 0})
    with pytest.raises(CommandError, match="too slow: overview, 30 days"):
        call_command("bench_analytics", rounds=1, stdout=out)
    told = out.getvalue()
    for name in ("summary, the largest client", "list, pushes: created", "list, guided: left", "page, psa", "gaps"):
        assert f"\n{name}" in told
    call_command("bench_load", remove=True, yes=True)


@pytest.mark.django_db(transaction=True)
def test_the_bench_of_gaps_simulates_and_times_a_detection_there() -> None:
    out = StringIO()
    call_command("bench_gaps", runs=2, stdout=out)
    assert "ours" in out.getvalue()
    assert "a whole detection in" not in out.getvalue()
    load()
    call_command("bench_gaps", runs=2, stdout=out)
    assert "a whole detection in" in out.getvalue()
    call_command("bench_load", remove=True, yes=True)
    for wrong, told in (({"runs": 0}, "at least 1"), ({"account": "nobody"}, "no account nobody")):
        with pytest.raises(CommandError, match=told):
            call_command("bench_gaps", **wrong)
