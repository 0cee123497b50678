"""What is kept too long goes: texts first, then sessions. What stays is counted as before."""

from collections import Counter
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics.rollups.kept import COUNTS
from analytics.rollups.read import Wanted, read
from flowpilot.accounts.models import Account, DataPolicy
from flowpilot.accounts.policies import policy_change
from flowpilot.common.leases import LeaseLost, lease_release, lease_take
from flowpilot.common.models import AuditEvent
from flowpilot.privacy import retention
from flowpilot.privacy.retention import LEASE, accounts_with_retention, retention_preview, retention_run
from proposals.analysis.load import with_steps
from proposals.models import FlowProposal
from sessions.models import AISession, Attachment, GeneratedScript, Handover, SessionStep
from sessions.runner.attach import attachment_add
from sessions.runner.ending import session_escalate
from sessions.runner.steps import note_add, step_answer
from tests.conftest import Cast
from tests.factories import make_flow, make_proposal, make_push, make_session, make_template, make_worked

pytestmark = pytest.mark.django_db
WORD = "Quokka"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def aged(session: AISession, days: int) -> AISession:
    ended = timezone.now() - timedelta(days=days)
    AISession.objects.filter(pk=session.pk).update(started_at=ended - timedelta(minutes=9), ended_at=ended)
    session.refresh_from_db()
    return session


def worked(cast: Cast, days: int) -> AISession:
    """An escalated session with all that can hang on one, its texts full of the word."""
    session = make_worked(cast.bob, cast.account, make_flow(cast.account), problem=f"{WORD} one", title=f"{WORD} two")
    at: dict[str, Any] = {"actor": cast.bob, "session_id": session.pk}
    attachment_add(**at, name=f"{WORD}.log", data=f"{WORD} three".encode())
    step_answer(**at, revision=session.revision, node_id="n1", option_id="o1", response=f"{WORD} four")
    session.refresh_from_db()
    note_add(**at, revision=session.revision, text=f"{WORD} five")
    session.refresh_from_db()
    session_escalate(**at, revision=session.revision, reason=f"{WORD} six")
    GeneratedScript.objects.create(
        account=cast.account, template_version=make_template(cast.account), session=session, text=f"echo {WORD}",
        parameters={"computer": WORD},
    )  # fmt: skip
    make_push(
        session, payload={"text": f"{WORD} seven"}, state="exhausted", next_attempt_at=None, settled_at=timezone.now()
    )
    return aged(session, days)


def everything_of(session: AISession) -> str:
    rows: list[Any] = [AISession.objects.filter(pk=session.pk).values()]
    rows += [model._default_manager.filter(session=session).values() for model in (SessionStep, Attachment, Handover)]
    rows += [session.pushes.values(), session.generated_scripts.values()]
    rows.append(AuditEvent.objects.filter(object_type="ai_sessions.aisession", object_id=session.pk).values())
    return str([list(row) for row in rows])


def ended(account: Account) -> int:
    now = timezone.now()
    rows = AISession.objects.filter(account=account)
    found = read(COUNTS, Wanted(rows, lambda model: model._default_manager.filter(account=account), [account.pk],
                                now - timedelta(days=400), now, "UTC"))  # fmt: skip
    return int(found[0]["ended"]) if found else 0


def policy(cast: Cast, **fields: Any) -> DataPolicy:
    return policy_change(actor=cast.olivia, account=cast.account, **fields)


def test_texts_go_and_the_structured_step_stays(cast: Cast) -> None:
    old, new = worked(cast, days=40), aged(make_session(cast.account, title=f"{WORD} new"), 5)
    assert everything_of(old).count(WORD) >= 9
    files = list(default_storage.listdir(f"attachments/{cast.account.pk}/{old.pk}")[1])
    before = ended(cast.account)
    rule = policy(cast, text_days=30)
    told = retention_preview(rule, timezone.now())
    assert told == {"sessions": 0, "sessions' texts": 1, "files": 1, "scripts": 1, "hand-overs": 1}
    assert everything_of(old).count(WORD) >= 9

    assert retention_run(cast.account.pk) == {"sessions' texts": 1, "files": 1, "scripts": 1, "hand-overs": 1}
    assert WORD not in everything_of(old)
    assert len(files) == 1
    step = old.steps.get(node_id="n1")
    assert (step.prompt, step.selected_option, step.response) == ("Does the VPN client connect?", "Yes", None)
    assert old.steps.get(kind="note").prompt == "[removed]"
    new.refresh_from_db()
    assert new.title == f"{WORD} new"
    assert ended(cast.account) == before
    assert list(with_steps(AISession.objects.filter(account=cast.account))) == [new]  # nothing left to learn from
    event = AuditEvent.objects.get(action="retention.applied")
    assert event.after == {"sessions' texts": 1, "files": 1, "scripts": 1, "hand-overs": 1}

    assert retention_run(cast.account.pk) == {}
    assert AuditEvent.objects.filter(action="retention.applied").count() == 1


def test_steps_go_too_where_the_policy_says_so(cast: Cast) -> None:
    talk = aged(make_session(cast.account, steps=None, transcript=[{"role": "user", "text": WORD}]), 40)
    steps = aged(make_session(cast.account), 40)
    policy(cast, text_days=30, keep_steps=False)
    assert retention_run(cast.account.pk) == {"sessions' texts": 2, "steps": 2}
    talk.refresh_from_db()
    assert talk.transcript is None
    assert not steps.steps.exists()


def test_sessions_go_with_all_that_hangs_on_them_and_with_their_figures(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    old = worked(cast, days=100)
    proposal = make_proposal(cast.account, sessions=0, supporting_session_count=7, source_session=old)
    proposal.evidence.create(account=cast.account, session=old)
    published = FlowProposal.objects.filter(pk=proposal.pk)
    published.update(status="modified", reviewed_at=timezone.now())
    aged(make_session(cast.account, external_id="new"), 50)
    foreign = aged(make_session(cast.other_account), 400)
    path = Attachment.objects.get().file.name or ""
    policy(cast, session_days=90, text_days=60)
    assert (ended(cast.account), retention_preview(DataPolicy.objects.get(), timezone.now())["sessions"]) == (2, 1)
    with django_capture_on_commit_callbacks(execute=True):
        assert retention_run(cast.account.pk) == {"sessions": 1, "files": 1, "scripts": 1}
    assert list(AISession.objects.filter(account=cast.account).values_list("external_id", flat=True)) == ["new"]
    assert ended(cast.account) == 1
    assert not default_storage.exists(path)
    assert published.get().supporting_session_count == 7  # what a published flow rests on stays as a count
    assert not AuditEvent.objects.filter(reason__contains=WORD).exists()
    assert not AuditEvent.objects.filter(object_label__contains=WORD).exists()
    assert AISession.objects.filter(pk=foreign.pk).exists()


def test_what_is_open_or_still_tells_its_ticket_stays(cast: Cast) -> None:
    make_worked(cast.bob, cast.account)
    AISession.objects.update(started_at=timezone.now() - timedelta(days=400))
    waiting = aged(make_session(cast.account), 400)
    make_push(waiting)
    policy(cast, session_days=30, text_days=30)
    assert retention_run(cast.account.pk) == {}
    assert AISession.objects.count() == 2


def test_it_works_in_chunks_and_a_killed_run_loses_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for _ in range(5):
        aged(make_session(cast.account), 40)
    policy(cast, session_days=30)
    lease = lease_take(key=f"retention:{cast.account.pk}", duration=LEASE)
    assert lease is not None
    assert retention._remove_some(lease, cast.account.pk, Counter())
    assert AISession.objects.count() == 3
    assert retention_run(cast.account.pk) is None  # another worker is at it
    lease_release(lease)
    with pytest.raises(LeaseLost):  # it was paused, and wakes up without its lease
        retention._remove_some(lease, cast.account.pk, Counter())
    assert AISession.objects.count() == 3
    assert retention_run(cast.account.pk) == {"sessions": 3}
    assert not AISession.objects.exists()


def test_only_accounts_with_a_limit_are_looked_at(cast: Cast) -> None:
    policy(cast, masking="secrets")
    assert accounts_with_retention() == []
    policy(cast, session_days=30)
    assert accounts_with_retention() == [cast.account.pk]


def test_the_command_tells_first_and_removes_then(cast: Cast) -> None:
    aged(make_session(cast.account), 40)
    policy(cast, session_days=30)

    def told(*args: str) -> str:
        out = StringIO()
        call_command("apply_retention", *args, stdout=out)
        return out.getvalue()

    assert told("--dry-run") == "northwind: 1 sessions\n"
    assert AISession.objects.exists()
    assert told("--account", "northwind") == "northwind: 1 sessions\n"
    assert told() == "northwind: nothing\n"
    with pytest.raises(CommandError):
        told("--account", "nobody")
