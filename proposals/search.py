"""Search over proposals: what is found, and how a reviewer asks for it.

Found are the title (weight A), the description, node texts and answers (B), and the evidence: its sessions' ids and
titles and their clients' names (C). Words are kept as they are, without stems: tickets come in many languages, and a
word typed halfway finds all that start so.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Q, Value

from proposals.models import FlowProposal, ProposalEvidence

# PostgreSQL holds a vector of one megabyte at most.
MOST_TEXT = 200_000
MOST_EVIDENCE = 300_000
MOST_WORDS = 12
_WORD = re.compile(r"[^\W_]+")
_UNIT = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


def search_write(proposal: FlowProposal) -> None:
    """Bring what the proposal is found by up to date with its texts and its evidence."""
    sessions = proposal.supporting_sessions.order_by("-started_at")
    evidence = chain.from_iterable(sessions.values_list("external_id", "title", "client__name"))
    vector = (
        _vector(proposal.title, "A")
        + _vector(" ".join(_texts(proposal))[:MOST_TEXT], "B")
        + _vector(" ".join(text for text in evidence if text)[:MOST_EVIDENCE], "C")
    )
    FlowProposal.objects.filter(pk=proposal.pk).update(search=vector)


def search_query(text: str) -> SearchQuery | None:
    """All words, each found by its beginning; "words in quotes" follow one another, -word must not be there.

    None where the text has no word.
    """
    units = list(_UNIT.finditer(text))[:MOST_WORDS]
    parts = []
    for minus, quoted, plain in (unit.groups() for unit in units):
        words = _WORD.findall((quoted or plain or "").lower())[:MOST_WORDS]
        if words:
            joined = (" <-> " if quoted else " & ").join(f"{word}:*" for word in words)
            parts.append(f"!({joined})" if minus else f"({joined})")
    return SearchQuery(" & ".join(parts), config="simple", search_type="raw") if parts else None


def search_filter(text: str, user: Any) -> Q:
    """The proposals that `text` finds: by their words, by a session's exact id, or by their own number (`#12`)."""
    text = text.strip()
    query = search_query(text)
    found = Q(search=query) if query else Q(pk__in=[])
    evidence = ProposalEvidence.objects.filter(session__external_id=text)
    if user is not None:
        # The proposals are narrowed to the viewer's own elsewhere; this keeps the look-up in one account's index.
        grants = user.tenant_grants("proposals.view_flowproposal")
        if grants is not None:
            accounts = [account for account, _ in grants]
            evidence = evidence.filter(account__in=accounts, session__account__in=accounts)
    exact = set(evidence.values_list("proposal", flat=True)[:100])
    number = text.removeprefix("#")
    if number.isdecimal() and number.isascii() and len(number) < 19:
        exact.add(int(number))
    return found | Q(pk__in=exact) if exact else found


def _vector(text: str, weight: str) -> Any:
    """The words parted by blanks: PostgreSQL's own reading of hyphens, slashes and signs would make others of them."""
    return SearchVector(Value(" ".join(_WORD.findall(text.lower()))), config="simple", weight=weight)


def _texts(proposal: FlowProposal) -> Iterator[str]:
    yield proposal.description
    yield proposal.problem_domain
    for node in proposal.proposed_flow_data.get("nodes", ()):
        yield node.get("text", "")
        yield from (option.get("label", "") for option in node.get("options", ()))
