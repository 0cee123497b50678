"""Which topic a session belongs to: a flow's own, a known one, or a new one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowpilot.flows.models import Flow
from proposals.analysis.judge import Verdict
from proposals.analysis.load import record_of, with_steps
from proposals.mining.records import Record
from proposals.mining.topicindex import TopicIndex
from proposals.mining.topics import group_topics
from proposals.mining.transcript import problem_of
from proposals.mining.wording import title_from
from proposals.models import SessionAnalysis, Topic
from sessions.models import AISession

# Sessions that a topic is known by when new ones are compared with it.
SAMPLE = 40


@dataclass(eq=False, slots=True)
class Place:
    """Where a session belongs: one object for each topic, whose row may not exist yet."""

    topic_id: int | None = None
    flow_id: int | None = None
    title: str = ""


def places_for(account_id: int, records: Sequence[Record], verdicts: Sequence[Verdict]) -> list[Place | None]:
    """A place for each session; None where there is nothing to learn. Reads only: `topic_save` writes."""
    topics = {t.pk: Place(t.pk, t.flow_id) for t in Topic.objects.filter(account=account_id).only("flow_id")}
    by_flow = {place.flow_id: place for place in topics.values() if place.flow_id is not None}
    samples = {topics[pk]: sample for pk, sample in _samples(account_id).items() if pk in topics}
    places: list[Place | None] = [None] * len(records)
    homeless = []
    for at, (record, verdict) in enumerate(zip(records, verdicts, strict=True)):
        if verdict.flow_id is not None:
            place = by_flow.setdefault(verdict.flow_id, Place(flow_id=verdict.flow_id))
            places[at] = place
            if len(sample := samples.setdefault(place, [])) < SAMPLE:
                sample.append(record)
        elif verdict.outcome == SessionAnalysis.Outcome.NO_FLOW:
            homeless.append(at)
    found = _places_of_strangers([records[at] for at in homeless], samples)
    for at, place in zip(homeless, found, strict=True):
        places[at] = place
    return places


def topic_save(account_id: int, place: Place) -> int:
    """The id of the place's topic, made on first use."""
    if place.topic_id is None:
        title = place.title
        if place.flow_id is not None:
            title = Flow.objects.values_list("title", flat=True).get(pk=place.flow_id)
        topic = Topic.objects.create(account_id=account_id, flow_id=place.flow_id, title=title[:200])
        place.topic_id = topic.pk
    return place.topic_id


def _places_of_strangers(records: Sequence[Record], samples: Mapping[Place, Sequence[Record]]) -> list[Place]:
    """Known topics first; the rest are grouped among themselves into new ones.

    Topics of published flows are known too: a session that no replay recognised may still be one of theirs, and must
    not become a second flow for the same problem.
    """
    if not records:
        return []
    found = {at: place for at, (place, _) in enumerate(TopicIndex(samples).assign(records)) if place is not None}
    strangers = [at for at in range(len(records)) if at not in found]
    for group in group_topics([records[at] for at in strangers]):
        members = [records[strangers[i]] for i in group]
        title = title_from([r.title for r in members], [problem_of(r) for r in members])
        place = Place(title=title or "Untitled topic")
        found |= {strangers[i]: place for i in group}
    return [found.get(at) or Place(title="Untitled topic") for at in range(len(records))]


def _samples(account_id: int) -> dict[int, list[Record]]:
    """The newest sessions of each topic."""
    analyses = SessionAnalysis.objects.filter(account=account_id, topic__isnull=False)
    wanted: dict[int, list[int]] = defaultdict(list)
    for topic_id, session_id in analyses.order_by("topic", "-session").values_list("topic", "session"):
        if len(wanted[topic_id]) < SAMPLE:
            wanted[topic_id].append(session_id)
    rows = with_steps(AISession.objects.filter(pk__in=[i for ids in wanted.values() for i in ids]))
    sessions = {session.pk: session for session in rows}
    return {topic: [record_of(sessions[i]) for i in ids if i in sessions] for topic, ids in wanted.items()}
