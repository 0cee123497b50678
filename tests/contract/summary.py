"""What runs of the fuzzer found, by operation: a later run of some of them leaves what is told of the others."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Found:
    """What a run found so far: answers by operation and status, and failures as `(operation, text)`."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def __add__(self, other: "Found") -> "Found":
        counts = {
            label: dict(Counter(self.counts.get(label)) + Counter(other.counts.get(label)))
            for label in {*self.counts, *other.counts}
        }
        return Found(counts, [*self.failures, *other.failures])

    @classmethod
    def read(cls, path: Path) -> "Found":
        if not path.exists():
            return cls()
        told = json.loads(path.read_text())
        return cls(told["counts"], [(label, text) for label, text in told["failures"]])


class Summary:
    """`path` is the Markdown; what it is made from lies beside it as JSON. Written anew with all that is told to it."""

    def __init__(self, path: Path) -> None:
        self.path, self.kept = path, path.with_suffix(".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.operations: dict[str, dict[str, Any]] = json.loads(self.kept.read_text()) if self.kept.exists() else {}

    def tell(self, labels: list[str], cases: int, found: Found, *, ended: bool) -> None:
        """What a run of these operations, `cases` of each, has found up to now; `ended`: it is through."""
        told = {"cases": cases, "ended": ended, "day": str(datetime.now(UTC).date())}
        for label in {*labels, *found.counts}:
            texts = [text for name, text in found.failures if name == label]
            self.operations[label] = {**told, "counts": found.counts.get(label, {}), "failures": texts}
        known = {*labels, *found.counts}
        for label, text in found.failures:
            if label not in known:
                entry = self.operations.setdefault(label, {**told, "counts": {}, "failures": []})
                entry["failures"] = [*entry["failures"], text]
        self._write(self.kept, json.dumps(self.operations, indent=1, sort_keys=True))
        self._write(self.path, self.text())

    def text(self) -> str:
        """As Markdown: the answers of each operation, then the failures."""
        rows = sorted(self.operations.items())
        requests = sum(sum(row["counts"].values()) for _, row in rows)
        failures = [(label, text) for label, row in rows for text in row["failures"]]
        lines = [
            "# What the fuzzer found",
            "",
            f"{len(rows)} operations, {requests:,} requests, {len(failures)} failures. `cases` random ones were made",
            "of each; with the boundaries of its parameters and sequences of operations it had more requests.",
            "",
            "| operation | day | cases | requests | answers |",
            "|---|---|---|---|---|",
        ]
        for label, row in rows:
            answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(row["counts"].items()))
            cases = f"{row['cases']:,}" if row["ended"] else f"{row['cases']:,}, broken off"
            lines.append(f"| `{label}` | {row['day']} | {cases} | {sum(row['counts'].values()):,} | {answers} |")
        for label, text in failures:
            lines += ["", f"## {label}", "", *(f"    {line}" for line in text.strip().splitlines())]
        return "\n".join(lines) + "\n"

    def _write(self, path: Path, text: str) -> None:
        part = path.with_suffix(".part")
        part.write_text(text)
        part.replace(path)
