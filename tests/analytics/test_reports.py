"""Dashboards by email, through a real mail server: chosen, sent once, tried again, stopped."""

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from analytics.pages.overview import build
from analytics.reports import sending
from analytics.reports.models import ReportSubscription
from analytics.reports.sending import LEASE, PAUSES, report_send, reports_due
from analytics.reports.services import MOST_REPORTS, next_time, report_change, report_stop, report_subscribe
from analytics.scope import Scope
from analytics.tasks import send_report, send_reports
from analytics.templatetags.analytics import figure
from flowpilot.accounts.models import Membership, Team, User
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.analytics.rows import make_history
from tests.conftest import Cast
from tests.factories import make_session
from tests.proposals.test_notices import Inbox, inbox  # noqa: F401  # the mail server of the digests' tests

OVERVIEW, REPORTS = "analytics:overview", "/admin/analytics/reports/"


def subscribe(actor: User, query: str = "days=7", frequency: str = "daily", hour: int = 7) -> ReportSubscription:
    return report_subscribe(actor=actor, page=OVERVIEW, query=query, frequency=frequency, hour=hour)


def due(actor: User, **fields: Any) -> ReportSubscription:
    """One that is due since a minute ago."""
    report = subscribe(actor, **fields)
    report.due_at = timezone.now() - timedelta(minutes=1)
    report.save()
    return report


def parts(message: Any) -> tuple[str, str]:
    return tuple(part.get_payload(decode=True).decode() for part in message.get_payload())


@pytest.mark.parametrize(
    ("frequency", "after", "due_at"),
    [
        ("daily", datetime(2026, 3, 10, 5, 59, tzinfo=UTC), datetime(2026, 3, 10, 6, 0, tzinfo=UTC)),
        ("daily", datetime(2026, 3, 10, 6, 0, tzinfo=UTC), datetime(2026, 3, 11, 6, 0, tzinfo=UTC)),
        ("weekly", datetime(2026, 3, 9, 5, 0, tzinfo=UTC), datetime(2026, 3, 9, 6, 0, tzinfo=UTC)),
        ("weekly", datetime(2026, 3, 9, 6, 0, tzinfo=UTC), datetime(2026, 3, 16, 6, 0, tzinfo=UTC)),
        # The clocks go forward on 29 March: seven in the morning stays seven.
        ("daily", datetime(2026, 3, 28, 6, 0, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
    ],
)
def test_the_next_time_is_at_the_hour_of_the_account(frequency: str, after: datetime, due_at: datetime) -> None:
    assert next_time(frequency, 7, after, ZoneInfo("Europe/Berlin")) == due_at


class TestChoice:
    def test_the_same_scope_again_is_changed(self, cast: Cast) -> None:
        first = subscribe(cast.carol, "days=7&team=&domain=networking")
        again = subscribe(cast.carol, "domain=networking&days=7", "weekly", 9)
        assert (first.pk, again.query, again.frequency, again.hour) == (
            again.pk, "days=7&domain=networking", "weekly", 9
        )  # fmt: skip
        assert again.due_at.weekday() == 0
        subscribe(cast.alice, "days=7&domain=networking")
        assert ReportSubscription.objects.count() == 2

    @pytest.mark.parametrize(
        "wrong",
        [
            {"page": "admin:index"}, {"page": "analytics:rows"}, {"page": ""}, {"query": "days=8"},
            {"query": "team=987654"}, {"query": "first=2026-01-01&last=2026-01-31"}, {"frequency": "hourly"},
            {"hour": "24"}, {"hour": "-1"}, {"hour": ""}, {"hour": "\u0667"},
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_refused(self, cast: Cast, wrong: dict[str, str]) -> None:
        given = {"page": OVERVIEW, "query": "", "frequency": "daily", "hour": 7, **wrong}
        with pytest.raises(InvalidInput):
            report_subscribe(actor=cast.carol, **given)  # type: ignore[arg-type]
        assert not ReportSubscription.objects.exists()

    def test_a_foreign_team_and_a_technician_are_refused(self, cast: Cast) -> None:
        foreign = Team.objects.create(account=cast.other_account, name="Theirs")
        with pytest.raises(InvalidInput):
            subscribe(cast.carol, f"team={foreign.pk}")
        with pytest.raises(NotAllowed):
            subscribe(cast.bob)

    def test_there_is_an_end_to_them(self, cast: Cast) -> None:
        for number in range(MOST_REPORTS):
            subscribe(cast.carol, f"domain=d{number}")
        with pytest.raises(Conflict):
            subscribe(cast.carol, "domain=one-more")
        subscribe(cast.carol, "domain=d1", "weekly")

    def test_nobody_touches_anothers(self, cast: Cast) -> None:
        report = subscribe(cast.carol)
        for actor in (cast.alice, cast.mallory, cast.root):
            with pytest.raises(NotFound):
                report_change(actor=actor, report_id=report.pk, frequency="weekly", hour=1)
            with pytest.raises(NotFound):
                report_stop(actor=actor, report_id=report.pk)
        report_stop(actor=cast.carol, report_id=report.pk)
        assert not ReportSubscription.objects.exists()


class TestPages:
    def test_subscribe_change_and_stop_from_the_dashboard(self, cast: Cast, login: Any) -> None:
        make_session(cast.account)
        browser = login(cast.carol)
        page = browser.get(f"{reverse(OVERVIEW)}?days=90")
        assert 'name="query" value="days=90"' in page.content.decode()
        given = {"act": "subscribe", "page": OVERVIEW, "query": "days=90", "frequency": "weekly", "hour": "6"}
        answer = browser.post(REPORTS, given, follow=True)
        assert answer.redirect_chain == [(f"{reverse(OVERVIEW)}?days=90", 302)]
        assert "Overview by email: every monday at 6:00." in answer.content.decode()
        report = ReportSubscription.objects.get(user=cast.carol)
        assert f'name="report" value="{report.pk}"' in answer.content.decode()
        changed = {"act": "change", "report": report.pk, "frequency": "daily", "hour": "23"}
        assert "every day at 23:00" in browser.post(REPORTS, changed, follow=True).content.decode()
        assert "days=90" in browser.get(REPORTS).content.decode()
        assert "stopped" in browser.post(REPORTS, {"act": "stop", "report": report.pk}, follow=True).content.decode()
        assert "You get no reports" in browser.get(REPORTS).content.decode()

    @pytest.mark.parametrize(
        "given", [{}, {"act": "stop", "report": "x"}, {"act": "stop", "report": "9"}, {"act": "x"}]
    )
    def test_a_wrong_act_says_so(self, cast: Cast, login: Any, given: dict[str, str]) -> None:
        given = {"page": "https://elsewhere.test", "query": "?", **given}
        answer = login(cast.carol).post(REPORTS, given, follow=True)
        assert answer.redirect_chain == [(REPORTS, 302)]
        assert "Nothing was changed" in answer.content.decode()

    def test_who_may_not_see_metrics_has_none(self, cast: Cast, login: Any) -> None:
        assert login(cast.bob).get(REPORTS).status_code == 403
        assert login(cast.bob).post(REPORTS, {"act": "subscribe"}).status_code == 403

    def test_only_own_ones_are_listed(self, cast: Cast, login: Any) -> None:
        subscribe(cast.alice, "domain=secret-of-alice")
        assert "secret-of-alice" not in login(cast.carol).get(REPORTS).content.decode()
        assert "secret-of-alice" in login(cast.alice).get(REPORTS).content.decode()


class TestSending:
    def test_tells_the_dashboards_cards_with_links(self, cast: Cast, inbox: Inbox) -> None:  # noqa: F811
        make_history(cast.account, timezone.now(), count=120)
        make_history(cast.other_account, timezone.now(), count=30, seed=3)
        report = due(cast.carol, query="days=90&domain=networking&zone=Asia/Tokyo")
        assert report_send(report_id=report.pk, now=timezone.now())
        [message] = inbox.messages
        assert (message["To"], message["Subject"]) == ("carol@northwind.test", "FlowPilot: Overview")
        assert message["List-Unsubscribe"] == "<https://flowpilot.example/admin/analytics/reports/>"
        text, page = parts(message)
        scope = Scope.from_query(cast.carol, {"days": "90", "domain": "networking", "zone": "Asia/Tokyo"})
        for card in build(scope).cards:
            assert f"{card.label}: {figure(card.value)}" in text
            assert f"<strong>{figure(card.value)}</strong>" in page.replace("&lt;", "<")
        assert "https://flowpilot.example/admin/analytics/rows/sessions/ended/?days=90" in page
        assert "zone=Asia%2FTokyo" in text
        assert "domain: networking" in text

    def test_goes_out_once(self, cast: Cast, inbox: Inbox) -> None:  # noqa: F811
        report, now = due(cast.carol), timezone.now()
        assert [report_send(report_id=report.pk, now=now) for _ in range(3)] == [True, False, False]
        report.refresh_from_db()
        assert (report.sent_at, report.leased_until, reports_due(now)) == (now, None, [])
        assert now < report.due_at <= now + timedelta(days=1)
        assert len(inbox.messages) == 1

    def test_a_refused_mail_is_tried_again_and_then_given_up(self, cast: Cast, inbox: Inbox) -> None:  # noqa: F811
        report, now = due(cast.carol), timezone.now()
        inbox.refuses = True
        for pause in PAUSES:
            assert not report_send(report_id=report.pk, now=now)
            assert reports_due(now + pause - timedelta(seconds=1)) == [], "it waits before it is tried again"
            now += pause
            assert reports_due(now) == [report.pk]
        assert not report_send(report_id=report.pk, now=now)
        report.refresh_from_db()
        assert (report.attempts, report.sent_at) == (0, None)
        assert "try again later" in report.error
        assert report.due_at > now
        inbox.refuses = False
        assert report_send(report_id=report.pk, now=report.due_at)
        report.refresh_from_db()
        assert (report.error, len(inbox.messages)) == ("", 1)

    def test_a_server_that_is_away_loses_nothing(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
        monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
        monkeypatch.setattr(settings, "EMAIL_PORT", 1)
        report, now = due(cast.carol), timezone.now()
        assert not report_send(report_id=report.pk, now=now)
        assert reports_due(now + PAUSES[0]) == [report.pk]

    def test_what_a_killed_worker_held_is_free_again(self, cast: Cast, inbox: Inbox) -> None:  # noqa: F811
        report, now = due(cast.carol), timezone.now()
        ReportSubscription.objects.update(leased_until=now + LEASE)
        assert not report_send(report_id=report.pk, now=now)
        assert report_send(report_id=report.pk, now=now + LEASE)
        assert len(inbox.messages) == 1

    def test_who_lost_the_right_or_the_account_gets_nothing(self, cast: Cast, inbox: Inbox) -> None:  # noqa: F811
        lost, left, gone = due(cast.carol), due(cast.alice), due(cast.olivia)
        Membership.objects.filter(user=cast.carol).update(role="technician")
        Membership.objects.filter(user=cast.alice).delete()
        User.objects.filter(pk=cast.olivia.pk).update(is_active=False)
        now = timezone.now()
        assert reports_due(now) == [lost.pk, left.pk]
        assert [report_send(report_id=one.pk, now=now) for one in (lost, left, gone)] == [False] * 3
        assert inbox.messages == []
        assert reports_due(now) == []

    def test_a_scope_that_is_gone_is_told(self, cast: Cast, inbox: Inbox) -> None:  # noqa: F811
        team = Team.objects.create(account=cast.account, name="Short-lived")
        report = due(cast.carol, query=f"team={team.pk}")
        team.delete()
        assert report_send(report_id=report.pk, now=timezone.now())
        [message] = inbox.messages
        assert message["Subject"] == "FlowPilot: Overview could not be made"
        assert "team: " in parts(message)[0]

    def test_beat_starts_a_task_for_each_that_is_due(
        self,
        cast: Cast,
        inbox: Inbox,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        due(cast.carol)
        subscribe(cast.alice)
        monkeypatch.setattr(send_report, "delay", send_report)
        assert (send_reports(), send_reports()) == (1, 0)
        assert [message["To"] for message in inbox.messages] == ["carol@northwind.test"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("leased", [True, False])
def test_of_many_workers_one_sends(
    cast: Cast,
    inbox: Inbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    leased: bool,
) -> None:
    """All of them have it in hand at once. Without the lease each of them makes the mail."""
    report, now = due(cast.carol), timezone.now()
    start, together, make = threading.Barrier(4), threading.Barrier(4), sending._message
    sent, made = [], []

    def slowly(report: ReportSubscription) -> Any:
        made.append(report.pk)
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(timeout=1)
        return make(report)

    monkeypatch.setattr(sending, "_message", slowly)
    if not leased:
        monkeypatch.setattr(sending, "_claim", lambda pk, now: ReportSubscription.objects.get(pk=pk))

    def work() -> None:
        start.wait()
        sent.append(report_send(report_id=report.pk, now=now))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == (1 if leased else 4)
    # What writes the next time first sends it: that alone keeps it from going out twice.
    assert (sorted(sent), len(inbox.messages)) == ([False, False, False, True], 1)
