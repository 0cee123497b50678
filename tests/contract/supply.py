"""Rows in the state that an operation is about: each is made when a request asks for it, and serves that one only."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.utils import timezone

from flowpilot.accounts.apikeys import api_key_authenticate
from flowpilot.accounts.models import Account
from flowpilot.flows.models import FlowVersion
from flowpilot.webhooks.endpoints import MOST_ENDPOINTS, endpoint_delete
from flowpilot.webhooks.models import WebhookEndpoint
from proposals import review
from proposals.models import FlowProposal
from sessions.models import AISession
from sessions.runner.ending import session_pause
from tests.factories import make_delivery, make_endpoint, make_proposal, make_push, make_session, make_worked

Row = dict[str, Any]


class Supply:
    """`account` is a slug, `key` the text of the API key that calls."""

    def __init__(self, account: str, key: str) -> None:
        self.account = Account.objects.get(slug=account)
        caller = api_key_authenticate(key)
        assert caller is not None
        self.actor = caller.membership.user
        self.version = FlowVersion.objects.filter(account=self.account, flow__status="published").earliest("pk")
        self.record = make_session(self.account, external_id=f"S-{uuid4().hex}")
        self.endpoints = list(WebhookEndpoint.objects.filter(account=self.account).order_by("pk"))
        self.makers: dict[str, Callable[[], Row]] = {
            **{f"POST proposals/{{id}}/{name}/": self.pending for name in ("approve", "publish", "dismiss", "reject")},
            "POST proposals/{id}/claim/": self.pending,
            "POST proposals/{id}/release/": self.claimed,
            "POST proposals/{id}/undo/": self.rejected,
            **{f"POST sessions/{{id}}/{name}/": self.active for name in ("answer", "steps", "pause")},
            **{f"POST sessions/{{id}}/{name}/": self.active for name in ("resolve", "escalate", "abandon")},
            "POST sessions/{id}/resume/": self.paused,
            "POST psa-pushes/{id}/requeue/": self.given_up,
            "POST webhook-deliveries/{id}/replay/": self.at_rest,
            "DELETE webhooks/{id}/": self.endpoint,
        }

    def row(self, operation: str) -> Row | None:
        """A row for an operation such as `POST sessions/{id}/pause/`; None where any that is there will do."""
        make = self.makers.get(operation)
        return make() if make else None

    def active(self) -> Row:
        return _session(make_worked(self.actor, self.account, self.version))

    def paused(self) -> Row:
        session = make_worked(self.actor, self.account, self.version)
        return _session(session_pause(actor=self.actor, session_id=session.pk, revision=session.revision))

    def pending(self) -> Row:
        return _proposal(self._proposal())

    def claimed(self) -> Row:
        return _proposal(review.proposal_claim(actor=self.actor, proposal_id=self._proposal().pk))

    def rejected(self) -> Row:
        proposal = self._proposal()
        review.proposal_reject(actor=self.actor, proposal_id=proposal.pk, revision=proposal.revision, notes="Too thin")
        proposal.refresh_from_db()
        return _proposal(proposal)

    def given_up(self) -> Row:
        push = make_push(self.record, state="exhausted", next_attempt_at=None, settled_at=timezone.now())
        return {"id": push.pk}

    def at_rest(self) -> Row:
        ended = {"state": "exhausted", "next_attempt_at": None, "settled_at": timezone.now()}
        return {"id": make_delivery(self.endpoints[0], **ended).pk}

    def endpoint(self) -> Row:
        """One that may be deleted; the others stay. Being off, it is told nothing."""
        return {"id": make_endpoint(self.account, url=new_address(), is_active=False).pk}

    def make_room(self) -> None:
        """Room for one more endpoint: of those that came after the first ones the oldest go."""
        first = [endpoint.pk for endpoint in self.endpoints]
        later = WebhookEndpoint.objects.filter(account=self.account).exclude(pk__in=first).order_by("-pk")
        for pk in later.values_list("pk", flat=True)[MOST_ENDPOINTS // 2 :]:
            endpoint_delete(actor=self.actor, endpoint_id=pk)

    def _proposal(self) -> FlowProposal:
        return make_proposal(self.account, sessions=0)


def new_address() -> str:
    return f"https://hooks.example/{uuid4().hex}"


def _session(session: AISession) -> Row:
    return {"id": session.pk, "revision": session.revision, "node": session.node_id}


def _proposal(proposal: FlowProposal) -> Row:
    return {"id": proposal.pk, "revision": proposal.revision}
