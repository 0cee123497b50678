"""Mining: session records in, troubleshooting flows with their evidence out.

Pure: no database, no network, no clock; the same records give the same flows.
"""

from proposals.mining.confidence import Confidence, flow_confidence, wilson_lower
from proposals.mining.engine import MinedFlow, mine, mine_topic
from proposals.mining.examples import FlowExamples, FlowSource
from proposals.mining.flowindex import FlowIndex
from proposals.mining.masking import Masker, Names
from proposals.mining.records import BadRecord, Record, Step, Turn, record_from_json
from proposals.mining.replay import FlowReader, FlowReplayer, Replay
from proposals.mining.topics import TopicIndex, group_topics

__all__ = [
    "BadRecord",
    "Confidence",
    "FlowExamples",
    "FlowIndex",
    "FlowReader",
    "FlowReplayer",
    "FlowSource",
    "Masker",
    "MinedFlow",
    "Names",
    "Record",
    "Replay",
    "Step",
    "TopicIndex",
    "Turn",
    "flow_confidence",
    "group_topics",
    "mine",
    "mine_topic",
    "record_from_json",
    "wilson_lower",
]
