"""`python -m flowpilot.licences` writes docs/licences.md: under what licence each runtime requirement stands.

Read from the metadata of what is installed, so that it tells what the wheels say, not what a list remembers. `--check`
writes nothing and fails where the file is out of date.
"""

import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
REQUIREMENTS, LIST = BASE_DIR / "requirements.txt", BASE_DIR / "docs" / "licences.md"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)
# GPL and AGPL bind whoever hands FlowPilot on; LGPL, which starts alike, does not bind who only calls the library.
BINDING = re.compile(r"(?<![A-Za-z])A?GPL|(?<!Lesser )General Public License|Affero", re.IGNORECASE)
REMARKS = {
    "certifi": "comes with httpx: Mozilla's root certificates, unchanged; binds changes of its own files only",
    "psycopg": "called as a library, unchanged",
    "psycopg-binary": "called as a library, unchanged; contains libpq (PostgreSQL licence) and OpenSSL (Apache-2.0)",
    "psycopg-pool": "called as a library, unchanged",
}
HEAD = """# Licences

What FlowPilot imports in production (`requirements.txt`), as the installed packages say; made by `make licences`.
A test fails where a GPL or AGPL package is among them or this list is out of date. The scripts that the pages load are
not Python packages: their licences stand beside them in `flowpilot/common/static/flowpilot/vendor/`.

| package | version | licence | remark |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Licence:
    """A package, its pinned version and what its metadata says of its licence; empty where it says nothing."""

    package: str
    version: str
    name: str

    @property
    def binds(self) -> bool:
        """Whether it may not be among the requirements. A choice that has a free side (`GPL OR MIT`) does not bind."""
        sides = re.split(r"\s+OR\s+", self.name)
        return not self.name or all(BINDING.search(side) for side in sides)


def licences() -> list[Licence]:
    """Of every pinned runtime requirement, by name. Raises PackageNotFoundError for one that is not installed."""
    return [Licence(name, version, _licence(name)) for name, version in PINNED.findall(REQUIREMENTS.read_text())]


def _licence(package: str) -> str:
    """The SPDX expression; else the classifiers, which are of a fixed list; else the free text, if it is a name."""
    told = metadata.metadata(package)
    if expression := _first(told, "License-Expression"):
        return expression
    free = _first(told, "License").strip()
    classified = [
        line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License :: ")
    ]
    if classified and (not free or "\n" in free or len(free) > 60 or "dual" in free.lower()):
        return " OR ".join(classified)
    return free.splitlines()[0] if free else ""


def _first(told: metadata.PackageMetadata, name: str) -> str:
    return next(iter(told.get_all(name, [])), "")


def table() -> str:
    """The whole file."""
    lines = (f"| {one.package} | {one.version} | {one.name} | {REMARKS.get(one.package, '')} |\n" for one in licences())
    return HEAD + "".join(lines)


def main(arguments: list[str]) -> int:
    """0 when written, or up to date; 1 with a sentence where `--check` finds it is not, or a licence binds."""
    if binding := [f"{one.package}: {one.name or 'no licence given'}" for one in licences() if one.binds]:
        print("Not for requirements.txt:", "; ".join(binding), file=sys.stderr)  # noqa: T201
        return 1
    if "--check" in arguments:
        if LIST.exists() and LIST.read_text() == table():
            return 0
        print("docs/licences.md is out of date: run `make licences`.", file=sys.stderr)  # noqa: T201
        return 1
    LIST.write_text(table())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
