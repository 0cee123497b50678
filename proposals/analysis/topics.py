"""Which topic a session belongs to: a flow's own, a known one, or a new one.

`places_for` only reads; `topics_lock`, `sessions_move`, `topics_save` and `topics_close` write, in the transaction of
the batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, QuerySet

from flowpilot.flows.models import Flow
from proposals.analysis.judge import Verdict
from proposals.analysis.load import names_of, record_of, with_steps
from proposals.mining.masking import Masker, Names
from proposals.mining.records import Record
from proposals.mining.topicindex import Exemplar, sketch
from proposals.mining.topics import ANCHORS, regroup, young_topics
from proposals.mining.transcript import problem_of
from proposals.mining.wording import title_from
from proposals.models import FlowProposal, SessionAnalysis, Topic
from proposals.review import proposal_retire
from sessions.models import AISession

UNTITLED = "Untitled topic"


@dataclass(eq=False, slots=True)
class Place:
    """Where a session belongs: one object for each topic, whose row may not exist yet."""

    topic_id: int | None = None
    flow_id: int | None = None
    title: str = ""
    # What the topic is known by, and whether that differs from its row.
    sketch: list[Exemplar] = field(default_factory=list)
    changed: bool = False

    def learn(self, records: Sequence[Record]) -> None:
        self._keep(sketch([*self.sketch, *map(Exemplar.of, records)]))

    def sketch_of(self, records: Sequence[Record]) -> None:
        self._keep(sketch(map(Exemplar.of, records)))

    def forget(self, keys: set[str]) -> None:
        self._keep([exemplar for exemplar in self.sketch if exemplar.key not in keys])

    def _keep(self, exemplars: list[Exemplar]) -> None:
        if exemplars != self.sketch:
            self.sketch, self.changed = exemplars, True


@dataclass(frozen=True, slots=True)
class Move:
    """An earlier session that belongs to another topic, now that more is known."""

    session_id: int
    source: int
    target: Place


@dataclass(frozen=True, slots=True)
class Placing:
    """A place for each session (None where there is nothing to learn), and what this changes for earlier ones."""

    places: list[Place | None]
    moves: list[Move]
    topics: dict[int, Place]


def places_for(account_id: int, records: Sequence[Record], verdicts: Sequence[Verdict]) -> Placing:
    """Where each session belongs. Reads only."""
    topics = {topic.pk: _place(topic) for topic in Topic.objects.filter(account=account_id, merged_into=None)}
    by_flow = {place.flow_id: place for place in topics.values() if place.flow_id is not None}
    places: list[Place | None] = [None] * len(records)
    homeless: list[int] = []
    followers: dict[Place, list[Record]] = {}
    for at, (record, verdict) in enumerate(zip(records, verdicts, strict=True)):
        if verdict.flow_id is not None:
            place = places[at] = by_flow.setdefault(verdict.flow_id, Place(flow_id=verdict.flow_id))
            followers.setdefault(place, []).append(record)
        elif verdict.outcome == SessionAnalysis.Outcome.NO_FLOW:
            homeless.append(at)
    for place, members in followers.items():
        place.learn(members)
    moves: list[Move] = []
    if homeless:
        known = [*topics.values(), *(place for place in followers if place.topic_id is None)]
        young = _young(topics, records, {records[at].key for at in homeless})
        batch = {record.key: record for record in records}
        found = _regroup([records[at] for at in homeless], known, young, batch, names_of(account_id))
        for at in homeless:
            places[at] = found[records[at].key]
        moves = _moves(young, found, {record.key for record in records})
    _forget(topics, records, places)
    return Placing(places, moves, topics)


def topic_save(account_id: int, place: Place) -> int:
    """The id of the place's topic, made on first use."""
    if place.topic_id is None:
        title = place.title
        if place.flow_id is not None:
            title = Flow.objects.values_list("title", flat=True).get(pk=place.flow_id)
        rows = [exemplar.to_json() for exemplar in place.sketch]
        topic = Topic.objects.create(account_id=account_id, flow_id=place.flow_id, title=title[:200], sketch=rows)
        place.topic_id, place.changed = topic.pk, False
    return place.topic_id


def topics_save(placing: Placing) -> None:
    """Bring the rows of topics that are known by other sessions now up to date."""
    changed = {pk: place for pk, place in placing.topics.items() if place.changed}
    rows = list(Topic.objects.filter(pk__in=changed, merged_into=None).select_for_update().order_by("pk"))
    for row in rows:
        row.sketch = [exemplar.to_json() for exemplar in changed[row.pk].sketch]
    Topic.objects.bulk_update(rows, ["sketch"], batch_size=200)


def topics_lock(placing: Placing, former: Iterable[int]) -> None:
    """Lock the open proposals of all topics that the batch touches, and follow what reviewers have merged meanwhile.

    The `former` topics are those that sessions of the batch leave. Proposals are locked before any topic's row, in the
    order of their ids, as reviewers do; whoever merges topics holds their proposals first, so nothing is merged now.
    """
    places = {place for place in placing.places if place is not None} | {move.target for move in placing.moves}
    known = {place.topic_id for place in places if place.topic_id is not None}
    touched = {*former, *(move.source for move in placing.moves), *known}
    pending = FlowProposal.objects.filter(topic__in=touched, status=FlowProposal.Status.PENDING)
    list(pending.select_for_update().order_by("pk").values_list("pk"))
    merged = dict(Topic.objects.filter(pk__in=touched).exclude(merged_into=None).values_list("pk", "merged_into"))
    for place in places:
        if place.topic_id in merged:
            place.topic_id = merged[place.topic_id]


def sessions_move(account_id: int, moves: Sequence[Move]) -> dict[int, int]:
    """Move earlier sessions to the topics they belong to now; gives {topic left: where most of its sessions went}.

    A topic that was decided meanwhile keeps its sessions. Call after topics_lock.
    """
    sources = {move.source for move in moves}
    still_open = set(open_topics(sources).values_list("pk", flat=True))
    ways: dict[tuple[int, int], list[int]] = {}
    for move in moves:
        if move.source in still_open:
            ways.setdefault((move.source, topic_save(account_id, move.target)), []).append(move.session_id)
    for (source, target), ids in ways.items():
        SessionAnalysis.objects.filter(session__in=ids, topic=source).update(topic=target)
    by_size = sorted(ways, key=lambda way: len(ways[way]))
    return dict(by_size)  # of one source the largest comes last, and stays


def topics_close(topic_ids: Iterable[int], into: Mapping[int, int]) -> None:
    """Close those of the topics that have no session left; their open proposals go on where the sessions went."""
    for topic in Topic.objects.filter(pk__in=topic_ids, flow=None, analyses=None).order_by("pk"):
        pending = FlowProposal.objects.filter(topic=topic, status=FlowProposal.Status.PENDING).first()
        if pending:
            _hand_over(pending, into.get(topic.pk))
        if FlowProposal.objects.filter(topic=topic).exists():
            Topic.objects.filter(pk=topic.pk).update(sketch=[], mining_due=False)
        else:
            topic.delete()


def _hand_over(pending: FlowProposal, target_id: int | None) -> None:
    """Of the open proposals of two topics that are one, that with most evidence goes on; the other is dismissed."""
    if target_id is None:
        proposal_retire(proposal=pending, reason="its sessions belong to other topics now")
        return
    target = Topic.objects.get(pk=target_id)
    theirs = FlowProposal.objects.filter(topic=target, status=FlowProposal.Status.PENDING).first()
    mine = pending.supporting_session_count
    goes_on = open_topics([target_id]).exists() and (theirs is None or theirs.supporting_session_count < mine)
    if not goes_on:
        proposal_retire(proposal=pending, reason=f"merged into {theirs.title if theirs else target.title}")
        return
    if theirs:
        proposal_retire(proposal=theirs, reason=f"merged into {pending.title}")
        FlowProposal.objects.filter(pk=theirs.pk).update(topic=pending.topic_id)
    FlowProposal.objects.filter(pk=pending.pk).update(topic=target)


def _place(topic: Topic) -> Place:
    return Place(topic.pk, topic.flow_id, topic.title, [Exemplar(*row) for row in topic.sketch])


def _young(topics: Mapping[int, Place], batch: Sequence[Record], homeless: set[str]) -> dict[Place, list[Record]]:
    """The sessions of the topics that may still change: those of the batch only if no flow explains them now."""
    sizes = open_topics(topics).annotate(size=Count("analyses")).filter(size__gt=0).order_by("pk")
    chosen = young_topics(dict(sizes.values_list("pk", "size")))
    analyses = SessionAnalysis.objects.filter(topic__in=chosen).order_by("topic", "session")
    topic_of = {str(session): topic for topic, session in analyses.values_list("topic", "session") if topic}
    fresh = {record.key: record for record in batch}
    earlier = _load([key for key in topic_of if key not in fresh])
    members: dict[Place, list[Record]] = {}
    for key, topic_id in topic_of.items():
        record = fresh[key] if key in homeless else earlier.get(key)
        if record:
            members.setdefault(topics[topic_id], []).append(record)
    return members


def open_topics(topic_ids: Iterable[int]) -> QuerySet[Topic]:
    """Those of the topics that nobody has decided anything about, nor merged another one into."""
    decided = FlowProposal.objects.filter(topic__in=topic_ids).exclude(status=FlowProposal.Status.PENDING)
    merged = Topic.objects.filter(merged_into__in=topic_ids)
    untouched = Topic.objects.filter(pk__in=topic_ids, flow=None).exclude(pk__in=decided.values("topic"))
    return untouched.exclude(pk__in=merged.values("merged_into"))


def _regroup(
    homeless: Sequence[Record],
    known: Sequence[Place],
    young: Mapping[Place, Sequence[Record]],
    batch: Mapping[str, Record],
    names: Names,
) -> dict[str, Place]:
    """The place of each homeless session, and of each of the young topics', by its key.

    Topics of published flows are known too: a session that no replay recognised may still be one of theirs, and must
    not become a second flow for the same problem.
    """

    def anchors(places: Sequence[Place]) -> dict[Place, list[Record]]:
        keys = {place: [exemplar.key for exemplar in place.sketch[:ANCHORS]] for place in places}
        stored = _load([key for chosen in keys.values() for key in chosen if key not in batch])
        records = {**stored, **batch}
        return {place: [records[key] for key in chosen if key in records] for place, chosen in keys.items()}

    grouped = {record.key for members in young.values() for record in members}
    newcomers = [record for record in homeless if record.key not in grouped]
    found: dict[str, Place] = {}
    for group in regroup(newcomers, {p: p.sketch for p in known if p.sketch}, young, anchors):
        place = group.key or Place(title=_title(group.members, names))
        if group.key is None or place in young:
            place.sketch_of(group.members)
        else:
            place.learn(group.members)
        found |= {record.key: place for record in group.members}
    return found


def _title(records: Sequence[Record], names: Names) -> str:
    """What the topic is called until a proposal of it is."""
    mask = Masker(records, names).mask
    titles, problems = [mask(record.title) for record in records], [mask(problem_of(record)) for record in records]
    return title_from(titles, problems) or UNTITLED


def _moves(young: Mapping[Place, Sequence[Record]], found: Mapping[str, Place], batch: set[str]) -> list[Move]:
    return [
        Move(int(record.key), source.topic_id, found[record.key])
        for source, members in young.items()
        for record in members
        if source.topic_id is not None and found[record.key] is not source and record.key not in batch
    ]


def _forget(topics: Mapping[int, Place], records: Sequence[Record], places: Sequence[Place | None]) -> None:
    """A session analysed again that has left its topic is no example of it any more."""
    now = {record.key: place for record, place in zip(records, places, strict=True)}
    for place in topics.values():
        place.forget({e.key for e in place.sketch if e.key in now and now[e.key] is not place})


def _load(keys: Sequence[str]) -> dict[str, Record]:
    rows = with_steps(AISession.objects.filter(pk__in=[int(key) for key in keys])) if keys else []
    return {record.key: record for record in map(record_of, rows)}
