"""No requirement binds whoever hands FlowPilot on, and the list of licences is true."""

from pathlib import Path

import pytest

from flowpilot import licences
from flowpilot.licences import Licence, table


def test_the_list_is_up_to_date_and_nothing_binds(capsys: pytest.CaptureFixture[str]) -> None:
    assert licences.main(["--check"]) == 0, capsys.readouterr().err


def test_every_requirement_is_listed_with_a_licence() -> None:
    found = {one.package: one.name for one in licences.licences()}
    lines = [line for line in licences.REQUIREMENTS.read_text().splitlines() if "==" in line]
    assert len(found) == len(lines) > 50
    assert found["django"] == "BSD-3-Clause"
    assert found["certifi"] == "MPL-2.0"
    assert "comes with httpx" in table()
    assert [name for name, licence in found.items() if not licence] == []


@pytest.mark.parametrize(
    ("name", "binds"),
    [
        ("GPL-3.0-only", True),
        ("AGPL-3.0-or-later", True),
        ("GNU General Public License v2 (GPLv2)", True),
        ("GNU Affero General Public License v3", True),
        ("MIT AND GPL-2.0-only", True),
        ("", True),
        ("LGPL-3.0-only", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("GPL-2.0-only OR MIT", False),
        ("MPL-2.0", False),
        ("BSD-3-Clause", False),
    ],
)
def test_which_licences_bind(name: str, binds: bool) -> None:
    assert Licence("x", "1", name).binds == binds


def test_a_list_that_is_out_of_date_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "LIST", tmp_path / "licences.md")
    assert licences.main(["--check"]) == 1
    assert "make licences" in capsys.readouterr().err
    assert licences.main([]) == 0
    assert licences.main(["--check"]) == 0


def test_a_binding_requirement_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "LIST", tmp_path / "licences.md")
    monkeypatch.setattr(licences, "licences", lambda: [Licence("copied", "1", "AGPL-3.0-only")])
    assert licences.main([]) == 1
    assert "copied: AGPL-3.0-only" in capsys.readouterr().err
    assert not (tmp_path / "licences.md").exists()
