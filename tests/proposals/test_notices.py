"""What a reviewer is told, on the page and by mail through a real mail server."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import InvalidInput, NotAllowed
from proposals.digests import digest_send, digests_due, last_time
from proposals.models import FlowProposal, NoticeSettings
from proposals.notices import VISIT, notice_settings_update, notices_of, queue_visit
from proposals.tasks import send_digest, send_digests
from sessions.models import AISession, PsaPush
from sessions.psa.services import pushes_requeue
from tests.conftest import Cast
from tests.factories import make_member, make_proposal, make_push, make_session

pytestmark = pytest.mark.django_db
QUEUE, NOTICES = "admin:proposals_flowproposal_changelist", "admin:proposals_flowproposal_notices"


def aged(proposal: FlowProposal, **age: int) -> FlowProposal:
    FlowProposal.objects.filter(pk=proposal.pk).update(created_at=timezone.now() - timedelta(**age))
    return proposal


def forgotten(cast: Cast, **fields: Any) -> FlowProposal:
    ran_out = timezone.now() - timedelta(hours=1)
    return make_proposal(cast.account, claimed_by=cast.alice, claimed_until=ran_out, **fields)


def at_rest() -> dict[str, Any]:
    return {"next_attempt_at": None, "settled_at": timezone.now()}


def given_up(cast: Cast, session: AISession | None = None, **fields: Any) -> PsaPush:
    """A push that nobody tries any more, exhausted unless `fields` say otherwise."""
    return make_push(session or make_session(cast.account), **{"state": "exhausted", **at_rest(), **fields})


class TestVisit:
    def test_what_came_after_the_last_visit_is_new_until_this_one_ends(self, cast: Cast) -> None:
        assert queue_visit(actor=cast.alice)[1] is None, "nothing is new on the first visit"
        yesterday = timezone.now() - timedelta(days=1)
        NoticeSettings.objects.update(queue_looked_at=yesterday)
        for _ in range(2):
            assert queue_visit(actor=cast.alice)[1] == yesterday, "a reload does not make the news old"
        NoticeSettings.objects.update(queue_looked_at=timezone.now() - VISIT - timedelta(seconds=1))
        since = queue_visit(actor=cast.alice)[1]
        assert since is not None
        assert since > yesterday

    def test_each_part_is_told_from_ones_own_rows_only(self, cast: Cast) -> None:
        since = timezone.now() - timedelta(days=1)
        new = make_proposal(cast.account, title="New")
        old = aged(make_proposal(cast.account, title="Old"), days=9)
        lost = aged(forgotten(cast, title="Lost"), days=3)
        make_proposal(cast.other_account, title="Foreign")
        aged(make_proposal(cast.other_account, title="Foreign and old"), days=30)
        told = notices_of(cast.alice, NoticeSettings(user=cast.alice), since)
        assert (told.new.value, told.newest, told.waiting, told.forgotten) == (1, [new], [old], [lost])
        assert notices_of(cast.olivia, NoticeSettings(user=cast.olivia), since).forgotten == []

    def test_what_one_does_not_want_is_not_told(self, cast: Cast) -> None:
        aged(forgotten(cast), days=9)
        make_proposal(cast.account)
        given_up(cast)
        quiet = NoticeSettings(
            user=cast.alice,
            new_proposals=False,
            waiting_longest=False,
            forgotten_claims=False,
            tickets_not_told=False,
        )
        assert not notices_of(cast.alice, quiet, timezone.now() - timedelta(days=1))


class TestTickets:
    """An owner or a team admin is told what a ticketing system could not be told."""

    def test_what_was_given_up_is_told_to_who_may_try_it_again(self, cast: Cast) -> None:
        exhausted, unclear = given_up(cast), given_up(cast, state="unknown")
        make_push(exhausted.session)
        make_push(exhausted.session, state="unknown")  # it is still looked for
        make_push(exhausted.session, state="succeeded", attempt_count=1, **at_rest())
        foreign = given_up(cast, make_session(cast.other_account))
        for user, untold in ((cast.alice, [unclear, exhausted]), (cast.olivia, [unclear, exhausted]), (cast.bob, [])):
            told = notices_of(user, NoticeSettings(user=user), None)
            assert (told.latest_untold, told.untold.value, bool(told)) == (untold, len(untold), bool(untold))
        assert notices_of(cast.mallory, NoticeSettings(user=cast.mallory), None).latest_untold == [foreign]

    def test_a_team_admin_is_told_of_the_own_team(self, cast: Cast) -> None:
        team = Team.objects.create(account=cast.account, name="Field")
        admin = make_member(cast.account, Role.TEAM_ADMIN, team=team)
        given_up(cast)
        own = given_up(cast, make_session(cast.account, team="Field"))
        assert notices_of(admin, NoticeSettings(user=admin), None).latest_untold == [own]

    def test_it_ends_when_somebody_tries_again_or_after_two_weeks(self, cast: Cast) -> None:
        again = given_up(cast)
        given_up(cast, settled_at=timezone.now() - timedelta(days=15))
        assert notices_of(cast.alice, NoticeSettings(user=cast.alice), None).latest_untold == [again]
        pushes_requeue(actor=cast.alice, push_ids=[again.pk])
        assert not notices_of(cast.alice, NoticeSettings(user=cast.alice), None)

    def test_the_queue_and_the_page_say_which_and_lead_there(self, cast: Cast, login: Any) -> None:
        push = given_up(cast)
        link = reverse("admin:ai_sessions_psapush_change", args=[push.pk])
        for page in (QUEUE, NOTICES):
            text = login(cast.alice).get(reverse(page)).content.decode()
            assert f'<a href="{link}">Note for ticket 48213</a>' in text
            assert "ConnectWise Manage" in text
        assert link not in login(cast.carol).get(reverse(QUEUE)).content.decode()

    def test_the_digest_tells_it_too(self, cast: Cast, inbox: "Inbox") -> None:
        wanted, push = wants(cast), given_up(cast)
        assert digest_send(settings_id=wanted.pk, now=timezone.now())
        [message] = inbox.messages
        assert message["Subject"] == "FlowPilot review queue: tickets could not be told"
        body = message.get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert "Note for ticket 48213 in ConnectWise Manage, exhausted" in body
        assert f"/psapush/{push.pk}/change/" in body


class TestPages:
    def test_the_queue_says_what_is_new(self, cast: Cast, login: Any) -> None:
        browser = login(cast.alice)
        browser.get(reverse(QUEUE))
        NoticeSettings.objects.update(queue_looked_at=timezone.now() - timedelta(days=1))
        make_proposal(cast.account, title="Came in the night")
        page = browser.get(reverse(QUEUE)).content.decode()
        assert "<strong>1 new</strong>" in page
        assert "Came in the night" in page

    def test_who_decides_nothing_has_no_notices(self, cast: Cast, login: Any) -> None:
        page = login(cast.carol).get(reverse(QUEUE))
        assert "fp-notices" not in page.content.decode()
        assert not NoticeSettings.objects.exists()
        assert login(cast.carol).get(reverse(NOTICES)).status_code == 403
        with pytest.raises(NotAllowed):
            notice_settings_update(actor=cast.carol, email_digest="daily")

    def test_the_choice_is_kept(self, cast: Cast, login: Any) -> None:
        browser = login(cast.alice)
        page = browser.post(reverse(NOTICES), {"email_digest": "weekly", "new_proposals": "on"}, follow=True)
        assert "Saved." in page.content.decode()
        wanted = NoticeSettings.objects.get(user=cast.alice)
        kept = (wanted.email_digest, wanted.new_proposals, wanted.waiting_longest, wanted.forgotten_claims)
        assert kept == ("weekly", True, False, False)
        assert not wanted.tickets_not_told
        assert browser.post(reverse(NOTICES), {"email_digest": "hourly"}).context["form"].errors["email_digest"]

    def test_the_page_lists_all_three(self, cast: Cast, login: Any) -> None:
        aged(forgotten(cast, title="Lost"), days=9)
        text = login(cast.alice).get(reverse(NOTICES)).content.decode()
        assert text.count("Lost") == 2, "it waits too long, and its claim ran out"

    def test_unknown_settings_are_refused(self, cast: Cast) -> None:
        with pytest.raises(InvalidInput, match="no such setting: sound"):
            notice_settings_update(actor=cast.alice, sound=True)
        with pytest.raises(InvalidInput, match="choose one of"):
            notice_settings_update(actor=cast.alice, email_digest="hourly")


@pytest.mark.parametrize(
    ("frequency", "now", "due"),
    [
        ("daily", datetime(2026, 3, 10, 6, 0, tzinfo=UTC), datetime(2026, 3, 10, 6, 0, tzinfo=UTC)),
        ("daily", datetime(2026, 3, 10, 5, 59, tzinfo=UTC), datetime(2026, 3, 9, 6, 0, tzinfo=UTC)),
        ("weekly", datetime(2026, 3, 11, 12, 0, tzinfo=UTC), datetime(2026, 3, 9, 6, 0, tzinfo=UTC)),
        ("weekly", datetime(2026, 3, 9, 5, 0, tzinfo=UTC), datetime(2026, 3, 2, 6, 0, tzinfo=UTC)),
        # The clocks go forward on 29 March: seven in the morning stays seven.
        ("daily", datetime(2026, 3, 29, 6, 0, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
    ],
)
def test_a_digest_is_due_in_the_readers_morning(frequency: str, now: datetime, due: datetime) -> None:
    assert last_time(frequency, now, ZoneInfo("Europe/Berlin")) == due


class Inbox(MessageHandler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.refuses = False

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return "451 try again later" if self.refuses else "250 OK"

    def handle_message(self, message: Message) -> None:
        self.messages.append(message)


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """A mail server of the test's own, on a free port."""
    box = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
    monkeypatch.setattr(settings, "EMAIL_PORT", port)
    monkeypatch.setattr(settings, "SITE_URL", "https://flowpilot.example")
    yield box
    controller.stop()


def wants(cast: Cast, **fields: Any) -> NoticeSettings:
    sent = timezone.now() - timedelta(days=2)
    return NoticeSettings.objects.create(user=cast.alice, **{"email_digest": "daily", "digest_sent_at": sent, **fields})


class TestDigest:
    def test_tells_what_the_page_tells_with_links(self, cast: Cast, inbox: Inbox) -> None:
        wanted = wants(cast)
        new = make_proposal(cast.account, title="VPN & <dial-up>")
        aged(forgotten(cast, title="Printer"), days=9)
        make_proposal(cast.other_account, title="Foreign")
        assert digest_send(settings_id=wanted.pk, now=timezone.now())
        [message] = inbox.messages
        assert (message["To"], message["Subject"]) == (
            "alice@northwind.test",
            "FlowPilot review queue: 1 new, some wait too long, a claim ran out",
        )
        body = message.get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert "VPN & <dial-up>" in body
        assert f"https://flowpilot.example/admin/proposals/flowproposal/{new.pk}/change/" in body
        assert "Foreign" not in body
        assert "/notices/" in message["List-Unsubscribe"]

    def test_goes_out_once(self, cast: Cast, inbox: Inbox) -> None:
        wanted = wants(cast)
        make_proposal(cast.account)
        now = timezone.now()
        assert [digest_send(settings_id=wanted.pk, now=now) for _ in range(3)] == [True, False, False]
        assert len(inbox.messages) == 1

    def test_nothing_to_tell_sends_nothing(self, cast: Cast, inbox: Inbox) -> None:
        assert not digest_send(settings_id=wants(cast).pk, now=timezone.now())
        assert inbox.messages == []

    def test_a_refused_mail_is_tried_again(self, cast: Cast, inbox: Inbox) -> None:
        wanted = wants(cast)
        make_proposal(cast.account)
        inbox.refuses = True
        assert not digest_send(settings_id=wanted.pk, now=timezone.now())
        inbox.refuses = False
        assert [due.pk for due in digests_due(timezone.now())] == [wanted.pk]
        assert digest_send(settings_id=wanted.pk, now=timezone.now())
        assert len(inbox.messages) == 1

    def test_a_server_that_is_away_loses_nothing(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
        monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
        monkeypatch.setattr(settings, "EMAIL_PORT", 1)
        wanted = wants(cast)
        make_proposal(cast.account)
        assert not digest_send(settings_id=wanted.pk, now=timezone.now())
        assert [due.pk for due in digests_due(timezone.now())] == [wanted.pk]

    def test_is_for_those_who_asked_and_still_decide(self, cast: Cast, inbox: Inbox) -> None:
        make_proposal(cast.account)
        wants(cast, email_digest="off")
        carols = NoticeSettings.objects.create(user=cast.carol, email_digest="daily")
        assert [due.pk for due in digests_due(timezone.now())] == [carols.pk]
        assert not digest_send(settings_id=carols.pk, now=timezone.now())
        assert inbox.messages == []

    def test_switching_it_on_waits_for_its_time(self, cast: Cast) -> None:
        notice_settings_update(actor=cast.alice, email_digest="daily")
        assert list(digests_due(timezone.now())) == []
        assert len(list(digests_due(timezone.now() + timedelta(days=1)))) == 1

    def test_beat_starts_a_task_for_each_that_is_due(
        self, cast: Cast, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_proposal(cast.account)
        wants(cast)
        monkeypatch.setattr(send_digest, "delay", send_digest)
        assert send_digests() == 1
        assert send_digests() == 0
        assert len(inbox.messages) == 1
