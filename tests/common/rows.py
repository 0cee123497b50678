"""Rows of two accounts, and of two teams of one, each with a word of its own in every text."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from analytics.models import (
    ClientDurationDay,
    ClientDurationMonth,
    ClientSessionDay,
    ClientSessionMonth,
    DurationDay,
    DurationMonth,
    EndedSession,
    KnowledgeGap,
    RolledAccount,
    SessionDay,
    SessionMonth,
    TeamDurationDay,
    TeamDurationMonth,
    TeamSessionDay,
    TeamSessionMonth,
)
from analytics.rollups.kept import BITS
from analytics.rollups.spans import definition as definition_of_counts
from flowpilot.accounts.models import Account, ApiKey, DataPolicy, Membership, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.common.audit import audit_erasable, audit_record
from flowpilot.common.models import AuditEvent
from flowpilot.common.tenancy import TenantModel
from flowpilot.llm.models import LanguageModel, ModelCall
from flowpilot.privacy.models import Erasure, Export
from flowpilot.webhooks.events import payload_of
from proposals.models import (
    AnalysisRun,
    ProposalEvidence,
    ProposalViewer,
    ProposalWording,
    ReplayReport,
    ReviewDraft,
    SessionAnalysis,
)
from sessions.models import AISession, Attachment, GeneratedScript, Handover, IngestJob, IngestPiece, PsaAttempt
from tests.factories import (
    definition,
    make_delivery,
    make_endpoint,
    make_flow,
    make_proposal,
    make_push,
    make_session,
    make_template,
)

# What names no thing of the account's: choices, and a hash.
NO_TEXT_OF_ANYBODY = {
    "KnowledgeGap.severity",
    "KnowledgeGap.node_id",
    "KnowledgeGap.option_id",
    "ApiKey.secret_hash",
    "ApiKey.previous_hash",
    "AISession.node_id",
    "SessionStep.node_id",
    "Erasure.mark",
}


@dataclass
class Rows:
    """One row of every kind, by the model's admin name such as `flows_flow`."""

    word: str
    by_name: dict[str, models.Model] = field(default_factory=dict)

    def pk(self, name: str) -> int:
        return int(self.by_name[name].pk)


def make_rows(account: Account, word: str, member: User, team: Team) -> Rows:
    """A row of every kind in `account`, with `word` in every text column; the rows that have a team are `team`'s."""
    version = make_flow(account, title=f"{word} flow", definition=definition(question=f"{word}?"), note=word, team=team)
    session = make_session(account, client=f"{word} client", team=team.name, title=word)
    proposal = make_proposal(
        account,
        sessions=0,
        title=word,
        team=team,
        source_session=session,
        target_flow=version.flow,
        base_version=version,
        proposed_flow_data=definition(question=f"{word}?"),
    )
    ProposalEvidence.objects.create(account=account, proposal=proposal, session=session)
    key = _make_key(account, word, member)
    erasure = Erasure.objects.create(account=account, kind="person", terms=[word], state="counted", at_table=word)
    export = Export.objects.create(account=account)
    policy = DataPolicy.objects.create(account=account, names=word)
    analysis = SessionAnalysis.objects.create(
        account=account, session=session, state="failed", topic=proposal.topic, analyzed_at=timezone.now()
    )
    run = AnalysisRun.objects.create(account=account, lease_token=1)
    script = make_script(account, word, team, session)
    gap = KnowledgeGap.objects.create(
        account=account, team=team, kind="missing_flow", key=f"missing_flow:{proposal.topic_id}", title=word,
        topic=proposal.topic, session_ids=[session.pk], problem_domain=f"networking {word}", severity="high",
    )  # fmt: skip
    event = audit_record(actor=member, action="seen", target=proposal)
    reading = {"account": account, "proposal": proposal}
    ReviewDraft.objects.create(**reading, user=member, revision=1, title=word)
    ProposalViewer.objects.create(**reading, user=member)
    ReplayReport.objects.create(**reading, revision=1, version=version)
    ProposalWording.objects.create(**reading, revision=1, state="done", texts=worded_texts(word))
    language_model = LanguageModel.objects.create(
        account=account, provider="compatible", model=word, base_url=f"https://{word.lower()}.test/v1"
    )
    call = ModelCall.objects.create(
        account=account, purpose="wording", subject=word, provider="compatible", model=word, answer=word,
        sent={"instructions": word, "content": f'{{"text": "{word}"}}'},
    )  # fmt: skip
    Handover.objects.create(account=account, session=session, reason=word, given_by=member, packet={"problem": word})
    Attachment.objects.create(
        account=account, session=session, key=f"{word.lower()}-key", name=word, content_type=word.lower(), size=1
    )
    make_kept(account, word, team)
    push = make_push(session, payload={"text": word})
    PsaAttempt.objects.create(account=account, push=push, number=1, started_at=timezone.now())
    job = make_job(account, word, member)
    told = payload_of("flow.published", {"account": word}, timezone.now())
    endpoint = make_endpoint(account, description=word, url=f"https://{word.lower()}.test/")
    delivery = make_delivery(endpoint, payload=told)
    rows: list[Any] = [
        account, policy, team, member, key.membership, key, version.flow, session, session.client, proposal, analysis,
        run, push, push.connection, script, script.template_version.template, gap, job,
        delivery, delivery.endpoint, language_model, call, erasure, export,
    ]  # fmt: skip
    stamp(account, word)
    return rows_by_name(word, [*rows, event])


def rows_by_name(word: str, rows: Iterable[models.Model | None]) -> Rows:
    return Rows(word, {f"{r._meta.app_label}_{r._meta.model_name}": r for r in rows if r is not None})


def worded_texts(word: str) -> list[dict[str, Any]]:
    """The title in a model's words, and the first step in the miner's."""
    title = {"where": "title", "node": "", "option": "", "own": word, "words": f"{word}!", "reason": "", "flags": []}
    return [title, {**title, "where": "text", "node": "n1", "words": "", "reason": word, "flags": [word]}]


def make_kept(account: Account, word: str, team: Team) -> None:
    """A day and a month that are kept and not marked, of the word's domain."""
    day = timezone.localdate() - timedelta(days=3)
    month = (day.replace(day=1) - timedelta(days=1)).replace(day=1)
    RolledAccount.objects.create(
        account=account,
        time_zone=account.time_zone,
        definition=definition_of_counts(),
        months_before=day.replace(day=1),
    )
    kept = {"account": account, "team": team, "problem_domain": word}
    SessionDay.objects.create(**kept, day=day, ended=1)
    SessionMonth.objects.create(**kept, day=month, ended=1)
    DurationDay.objects.create(**kept, day=day, minutes=5, sessions=1)
    DurationMonth.objects.create(**kept, day=month, minutes=5, sessions=1)
    EndedSession.objects.create(
        **kept, session_id=10**9 + account.pk, technician_email=f"{word.lower()}@kept.test",
        ended_at=timezone.now() - timedelta(days=3), facts=BITS["ended"],
    )  # fmt: skip
    kept = {"account": account, "team": team}
    TeamSessionDay.objects.create(**kept, day=day, ended=1)
    TeamSessionMonth.objects.create(**kept, day=month, ended=1)
    TeamDurationDay.objects.create(**kept, day=day, minutes=5, sessions=1)
    TeamDurationMonth.objects.create(**kept, day=month, minutes=5, sessions=1)
    kept = {**kept, "client_id": 10**9 + account.pk}
    ClientSessionDay.objects.create(**kept, day=day, ended=1)
    ClientSessionMonth.objects.create(**kept, day=month, ended=1)
    ClientDurationDay.objects.create(**kept, day=day, minutes=5, sessions=1)
    ClientDurationMonth.objects.create(**kept, day=month, minutes=5, sessions=1)


def make_job(account: Account, word: str, member: User) -> IngestJob:
    """A job that is done, whose one line's result has the word."""
    job = IngestJob.objects.create(
        account=account, created_by=member, state="done", size=2, lines=1, lines_done=1, bad=1, error=word,
        finished_at=timezone.now(),
    )  # fmt: skip
    result = json.dumps({"line": 1, "external_id": word, "outcome": "bad", "errors": []}).encode() + b"\n"
    IngestPiece.objects.create(
        account=account, job=job, number=0, first_line=1, line_count=1, results=zlib.compress(result)
    )
    return job


def make_script(account: Account, word: str, team: Team, session: AISession) -> GeneratedScript:
    """A script of a template whose version, which nothing may change, has the word in every text."""
    version = make_template(
        account,
        title=f"{word} script",
        keywords=f"vpn connect {word}",
        problem_domain=f"networking {word}",
        what_it_does=word,
        body=f"echo {word} {{{{ computer }}}}",
        note=word,
    )
    return GeneratedScript.objects.create(
        account=account, team=team, template_version=version, session=session, text=word, node_id=word
    )


def _make_key(account: Account, word: str, member: User) -> ApiKey:
    user = User.objects.create_user(f"key@{word.lower()}.test", full_name=word)
    membership = Membership.objects.create(account=account, user=user, role=Role.SERVICE)
    return ApiKey.objects.create(
        account=account, name=word, prefix=word[:8], secret_hash="-", membership=membership, created_by=member
    )


def stamp(account: Account, word: str) -> None:
    """Write `word` into every text column of every row of `account` that has not got it."""
    for model in tenant_models():
        for row in model._default_manager.filter(account=account):
            missing = [f for f in text_fields(model) if word.lower() not in str(getattr(row, f.name)).lower()]
            if missing:
                values = {f.name: f"{word.lower()}@{word.lower()}.test"[: f.max_length] for f in missing}
                if isinstance(row, AuditEvent):
                    _put_again(row, values)
                else:
                    model._default_manager.filter(pk=row.pk).update(**values)


def _put_again(event: AuditEvent, values: dict[str, str]) -> None:
    """The database lets nobody change an event: one with these values takes its place."""
    with audit_erasable(event.account_id):
        AuditEvent.objects.filter(pk=event.pk).delete()
    for name, value in values.items():
        setattr(event, name, value)
    event.save(force_insert=True)


def tenant_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def text_fields(model: type[models.Model]) -> list[Any]:
    """The text columns that hold what people wrote."""
    return [
        f
        for f in model._meta.concrete_fields
        if isinstance(f, models.CharField | models.TextField)
        and not f.choices
        and f"{model.__name__}.{f.name}" not in NO_TEXT_OF_ANYBODY
    ]


def limited_member(account: Account, role: str, team: Team, email: str) -> User:
    user = User.objects.create_user(email, full_name=email.partition("@")[0].title())
    Membership.objects.create(account=account, user=user, role=role, team=team)
    return user


def other_team_rows(account: Account, word: str, member: User) -> Rows:
    """A session, its analysis and push, a proposal, gaps and an event of another team of `account`, with `word`."""
    team = Team.objects.create(account=account, name=f"{word} team")
    session = make_session(account, team=team.name, title=word, problem_summary=word, resolution_summary=word)
    proposal = make_proposal(account, sessions=0, team=team, title=word, description=word, source_session=session)
    analysis = SessionAnalysis.objects.create(account=account, session=session, state="failed", error=word)
    push = make_push(session, ticket_id=word, payload={"text": word})
    PsaAttempt.objects.create(account=account, push=push, number=1, started_at=timezone.now(), error=word)
    template = make_template(account, title="Ours")
    script = GeneratedScript.objects.create(
        account=account, team=team, template_version=template, session=session, text=word, node_id=word
    )
    gap = KnowledgeGap.objects.create(account=account, team=team, kind="dead_end", key=f"dead_end:{word}", title=word)
    KnowledgeGap.objects.create(account=account, kind="dead_end", key=f"dead_end:of teams {word}", title=word)
    audit_record(actor=member, action="seen", target=proposal, reason=word)
    return rows_by_name(word, [session, proposal, analysis, push, script, gap])
