"""The scores on shared dialogs with known flowcharts, pinned a little below what was reached."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proposals.mining import FlowReplayer, Record, mine, record_from_json
from proposals.mining.jsonl import flows_from_json, flows_to_json

SHARED = Path(os.environ.get("FLOWPILOT_SHARED", Path(__file__).parents[3] / "shared"))
SCORER = SHARED / "eval" / "score_flows.py"

pytestmark = pytest.mark.skipif(not SCORER.exists(), reason="no shared dialogs beside the checkout")


def records_in(path: Path) -> list[Record]:
    with path.open() as file:
        return [record_from_json(json.loads(line)) for line in file]


def scores(tmp_path: Path, data: str, name: str, replayed: str | None = None) -> dict[str, float]:
    flows = flows_to_json(mine(records_in(SHARED / data / f"{name}.sessions.jsonl")))
    flows_path = tmp_path / "flows.json"
    flows_path.write_text(json.dumps(flows))
    args: list[str | Path] = [flows_path, SHARED / data / f"{name}.gold.jsonl", SHARED / data / "charts.json"]
    if replayed:
        records = records_in(SHARED / data / f"{replayed}.sessions.jsonl")
        found = FlowReplayer(flows_from_json(flows)).replay_all(records)
        rows = [
            {
                "external_id": r.key,
                "flow": key,
                "path": [step[0] for step in replay.path],
                "resolution": replay.end_node,
            }
            for r, (key, replay) in zip(records, found, strict=True)
        ]
        replay_path = tmp_path / "replay.json"
        replay_path.write_text(json.dumps({"replays": rows}))
        args += [replay_path, SHARED / data / f"{replayed}.gold.jsonl"]
    told = subprocess.run([sys.executable, SCORER, *args], capture_output=True, check=True, text=True).stdout
    return dict(json.loads(told))


def test_troubleshooting_talks(tmp_path: Path) -> None:
    score = scores(tmp_path, "flodial", "train", "replay")
    assert score["sessions_b3"] >= 0.99
    assert score["steps_b3"] >= 0.99
    assert score["edges_f1"] >= 0.98
    assert 1.0 <= score["flows"] <= 1.1
    assert score["replay_acc"] >= 0.86
    assert score["replay_wrong"] <= 0.035


def test_structured_sessions(tmp_path: Path) -> None:
    score = scores(tmp_path, "flodial", "structured")
    assert score["sessions_b3"] >= 0.99
    assert score["edges_f1"] >= 0.99


def test_service_chats(tmp_path: Path) -> None:
    score = scores(tmp_path, "servicechat", "train")
    assert score["sessions_b3"] >= 0.955
    assert score["steps_b3"] >= 0.93
    assert score["edges_f1"] >= 0.855
    assert 1.0 <= score["flows"] <= 1.1
