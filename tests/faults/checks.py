"""What must hold when it is calm again: nothing acknowledged is lost, nothing is done twice."""

from collections import Counter

from django.db.models import Count

from flowpilot.accounts.models import Account
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import FlowVersion
from proposals.models import FlowProposal, ProposalEvidence, SessionAnalysis
from sessions.ingest.models import IngestJob
from sessions.models import AISession, PsaAttempt, PsaPush
from tests.faults.load import Acknowledged
from tests.sessions.psa_servers import FakePsa


def waiting(account: Account) -> dict[str, int]:
    """What is still to be done; empty when it is calm."""
    found = {
        "sessions to analyse": AISession.objects.filter(account=account, analysis_due_at__isnull=False).count(),
        "ingest jobs": IngestJob.objects.unfinished().filter(account=account).count(),
        "pushes": PsaPush.objects.filter(account=account, next_attempt_at__isnull=False).count(),
    }
    return {name: count for name, count in found.items() if count}


def faults(account: Account, done: Acknowledged, psa: FakePsa) -> list[str]:
    """Everything that is not as it was answered, as sentences."""
    found = list(done.wrong)
    stored = Counter(AISession.objects.filter(account=account).values_list("external_id", flat=True))
    sent = done.sessions | {name for names in done.jobs.values() for name in names}
    found += [f"lost: session {name}" for name in sorted(sent) if not stored[name]]
    found += [f"twice: session {name}" for name, count in stored.items() if count > 1]
    states = dict(IngestJob.objects.filter(pk__in=done.jobs).values_list("pk", "state"))
    found += [f"lost: ingest job {pk} is {states.get(pk)}" for pk in done.jobs if states.get(pk) != "done"]
    for job in IngestJob.objects.filter(pk__in=done.jobs):
        if job.imported + job.updated + job.unchanged + job.bad != job.lines or job.bad:
            found.append(
                f"job {job.pk} counts {job.imported}, {job.updated}, {job.unchanged}, {job.bad} of {job.lines}"
            )
    found += _analysis(account)
    found += _decisions(done)
    return found + _pushes(account, psa)


def _analysis(account: Account) -> list[str]:
    analyses = SessionAnalysis.objects.filter(account=account)
    found = [
        f"analysis of session {pk} is {state}"
        for pk, state in analyses.exclude(state="done").values_list("session", "state")
    ]
    several = analyses.values("session").annotate(n=Count("pk")).filter(n__gt=1)
    found += [f"twice: analysis of session {row['session']}" for row in several]
    evidence = ProposalEvidence.objects.filter(proposal__account=account)
    twice = evidence.values("proposal", "session").annotate(n=Count("pk")).filter(n__gt=1)
    found += [f"twice: session {row['session']} as evidence of proposal {row['proposal']}" for row in twice]
    for proposal in FlowProposal.objects.filter(account=account):
        if proposal.evidence.exists() and proposal.supporting_session_count != proposal.evidence.count():
            found.append(
                f"proposal {proposal.pk} counts {proposal.supporting_session_count} sessions, its evidence is "
                f"{proposal.evidence.count()}"
            )
    return found


def _decisions(done: Acknowledged) -> list[str]:
    found = []
    for proposal in FlowProposal.objects.filter(pk__in=done.decided):
        told = AuditEvent.objects.filter(action="proposal.approved", object_id=proposal.pk).count()
        versions = (
            FlowVersion.objects.filter(flow=proposal.published_flow_id).count() if proposal.published_flow_id else 0
        )
        if (proposal.status, versions, told) != ("approved", 1, 1):
            found.append(f"decision {proposal.pk}: {proposal.status}, {versions} versions, {told} events")
    return found


def _pushes(account: Account, psa: FakePsa) -> list[str]:
    found = []
    for push in PsaPush.objects.filter(account=account):
        ticket = psa.tickets.get(int(push.ticket_id))
        written = len(ticket.notes) if ticket else 0
        if (push.state, written) != ("succeeded", 1):
            found.append(f"push {push.pk} is {push.state} and written {written} times")
    running = PsaAttempt.objects.filter(account=account, outcome=PsaAttempt.Outcome.RUNNING).count()
    return found + ([f"{running} tries are told as running"] if running else [])
