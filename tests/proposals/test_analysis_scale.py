"""Sessions that come in batches: topics merge as more is known, and a run reads little of what is there already."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flowpilot.accounts.models import Account
from flowpilot.common.models import AuditEvent
from proposals.analysis import run as run_module
from proposals.analysis.judge import Verdict
from proposals.analysis.load import records_of, with_steps
from proposals.analysis.topics import places_for
from proposals.mining import Record
from proposals.mining.topicindex import PER_SKETCH, Exemplar, TopicIndex, sketch
from proposals.mining.topics import regroup, young_topics
from proposals.models import FlowProposal, SessionAnalysis, Topic
from proposals.review import proposal_reject
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import make_flow, make_session
from tests.proposals.mining_cases import network_talks, printer_talks, structured_vpn
from tests.proposals.test_analysis import add_printer_sessions, run

Status = FlowProposal.Status


def known_by(topics: dict[str, list[Record]]) -> dict[str, list[Exemplar]]:
    return {key: sketch(map(Exemplar.of, records)) for key, records in topics.items()}


class TestSketch:
    def test_is_bounded_and_the_same_in_any_order(self) -> None:
        exemplars = [Exemplar.of(record) for record in network_talks(40)]
        whole = sketch(exemplars)
        grown: list[Exemplar] = []
        random.Random(1).shuffle(exemplars)
        for exemplar in exemplars:
            grown = sketch([*grown, exemplar])
        assert len(whole) == PER_SKETCH
        assert grown == whole

    def test_finds_the_topic_as_its_sessions_do(self) -> None:
        topics = {"net": network_talks(30), "prn": printer_talks(30)}
        news = network_talks(36)[30:] + printer_talks(36)[30:] + structured_vpn(3)
        by_sketch = TopicIndex(known_by(topics)).assign(news)
        assert [key for key, _ in by_sketch] == ["net"] * 6 + ["prn"] * 6 + [None] * 3

    def test_an_exemplar_survives_json(self) -> None:
        exemplar = Exemplar.of(network_talks(1)[0])
        assert Exemplar(*exemplar.to_json()) == exemplar


class TestRegroup:
    def no_anchors(self, keys: Sequence[str]) -> dict[str, list[Record]]:
        return {}

    def test_topics_of_one_problem_become_one_and_the_larger_stays(self) -> None:
        talks = network_talks(20)
        young = {"small": talks[:3], "large": talks[3:12]}
        groups = regroup(talks[12:], known_by(young), young, self.no_anchors)
        assert [(group.key, len(group.members)) for group in groups] == [("large", 20)]

    def test_a_topic_that_was_two_problems_is_parted(self) -> None:
        net, prn = network_talks(16), printer_talks(12)
        young = {"both": net[:8] + prn[:4]}
        groups = regroup(net[8:] + prn[4:], known_by(young), young, self.no_anchors)
        assert {(group.key, len(group.members)) for group in groups} == {("both", 16), (None, 12)}

    def test_a_settled_topic_takes_young_sessions_but_gives_none(self) -> None:
        net = network_talks(24)
        known = {"settled": net[:16], "stray": net[16:18]}
        groups = regroup(net[18:], known_by(known), {"stray": net[16:18]}, lambda keys: {k: known[k] for k in keys})
        (group,) = groups
        assert (group.key, len(group.members)) == ("settled", 8)

    def test_newcomers_without_any_topic_are_grouped(self) -> None:
        groups = regroup(network_talks(6), dict[str, list[Exemplar]](), {}, self.no_anchors)
        assert [(group.key, len(group.members)) for group in groups] == [(None, 6)]

    def test_the_latest_topics_are_regrouped_up_to_a_bound(self) -> None:
        sizes = dict.fromkeys(range(100), 100) | {100: 5_000}
        assert young_topics(sizes) == list(range(99, 84, -1))


@pytest.mark.django_db
class TestAnalysisInBatches:
    def test_ends_in_the_topics_of_all_at_once(self, cast: Cast, settings: Any) -> None:
        settings.ANALYSIS_BATCH_SIZE = 7
        talks = network_talks(20) + printer_talks(16)
        random.Random(2).shuffle(talks)
        for record in talks:
            add_talk(cast.account, record)
        run(cast.account)
        problems = [
            {"net" if "network" in analysis.session.problem_summary else "prn" for analysis in topic.analyses.all()}
            for topic in Topic.objects.all()
        ]
        assert sorted(map(len, problems)) == [1, 1]
        assert FlowProposal.objects.filter(status=Status.PENDING).count() == 2

    def test_merged_topics_keep_the_proposal_with_most_evidence(self, cast: Cast) -> None:
        small, large = self.parted(cast.account)
        add_printer_sessions(cast.account, 1)
        run(cast.account)
        proposal = FlowProposal.objects.get(status=Status.PENDING)
        assert (proposal.pk, proposal.supporting_session_count) == (large.pk, 10)
        small.refresh_from_db()
        assert small.status == Status.DISMISSED
        assert small.reviewer_notes.startswith("merged into")
        event = AuditEvent.objects.get(action="proposal.dismissed")
        assert event.reason == small.reviewer_notes
        assert set(SessionAnalysis.objects.values_list("topic", flat=True)) == {large.topic_id}

    def test_a_topic_without_sessions_and_proposals_goes(self, cast: Cast) -> None:
        small, _ = self.parted(cast.account)
        topic = small.topic_id
        small.delete()
        add_printer_sessions(cast.account, 1)
        run(cast.account)
        assert not Topic.objects.filter(pk=topic).exists()

    def test_a_topic_decided_meanwhile_keeps_its_sessions(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        small, large = self.parted(cast.account)
        real: Any = getattr(run_module, "places_for")

        def decide(*args: Any) -> Any:
            found = real(*args)
            proposal_reject(actor=cast.alice, proposal_id=small.pk, revision=small.revision, notes="no")
            return found

        monkeypatch.setattr(run_module, "places_for", decide)
        add_printer_sessions(cast.account, 1)
        run(cast.account)
        small.refresh_from_db()
        assert small.status == Status.REJECTED
        assert SessionAnalysis.objects.filter(topic=small.topic_id).count() == 3
        assert SessionAnalysis.objects.filter(topic=large.topic_id).count() == 7

    def test_a_session_analysed_again_into_another_topic_is_no_example_of_the_old(self, cast: Cast) -> None:
        make_flow(cast.account)
        session = add_printer_sessions(cast.account)[0]
        run(cast.account)
        topic = Topic.objects.get()
        assert str(session.pk) in {row[0] for row in topic.sketch}
        vpn = make_session(cast.account)
        session.steps.all().delete()
        vpn.steps.update(session=session)
        AISession.objects.filter(pk=session.pk).update(analysis_due_at=session.analysis_due_at)
        run(cast.account)
        topic.refresh_from_db()
        assert str(session.pk) not in {row[0] for row in topic.sketch}

    def parted(self, account: Account) -> tuple[FlowProposal, FlowProposal]:
        """The proposals of two topics, with three and six sessions, that are one problem."""
        add_printer_sessions(account, 3)
        run(account)
        small = FlowProposal.objects.get()
        Topic.objects.update(sketch=[])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("proposals.analysis.topics.young_topics", lambda sizes: [])
            add_printer_sessions(account, 6)
            run(account)
        large = FlowProposal.objects.exclude(pk=small.pk).get()
        assert (small.supporting_session_count, large.supporting_session_count) == (3, 6)
        return small, large


@pytest.mark.django_db
def test_a_run_reads_no_session_of_the_flows_topics(cast: Cast) -> None:
    def queries(flows: int) -> int:
        for _ in range(flows):
            version = make_flow(cast.account)
            topic = Topic.objects.create(account=cast.account, flow=version.flow, title="VPN")
            topic.sketch = [[str(n), *Exemplar.of(record).to_json()[1:]] for n, record in enumerate(structured_vpn(3))]
            topic.save()
        session = make_session(cast.account, title="Loud fan", problem_summary="The fan is loud")
        records = records_of(with_steps(AISession.objects.filter(pk=session.pk)))
        with CaptureQueriesContext(connection) as captured:
            places_for(cast.account.pk, records, [Verdict(SessionAnalysis.Outcome.NO_FLOW, None, 0.0)])
        return len(captured)

    assert queries(2) == queries(20)


def add_talk(account: Account, record: Record) -> None:
    turns = [{"role": turn.role, "text": turn.text} for turn in record.transcript or ()]
    summary = "No network" if record.key.startswith("net") else "Printer trouble"
    make_session(account, title="", problem_summary=summary, steps=None, transcript=turns)
