"""Flows as files: what goes out comes in again, and a bad file is told place by place."""

import json
import re
from typing import Any

import pytest

from flowpilot.accounts.models import User
from flowpilot.common.errors import Conflict, NotAllowed, NotFound
from flowpilot.flows.mermaid import to_mermaid
from flowpilot.flows.models import Flow
from flowpilot.flows.portable import MAX_BYTES, PortableFlow, examples_of_same, read_portable
from flowpilot.flows.services import InvalidFlow, flow_version_publish
from flowpilot.flows.transfer import flow_import_new, flow_import_version, portable_of
from flowpilot.flows.upkeep import flow_archive
from flowpilot.flows.validation import InvalidDefinition
from tests.conftest import Cast
from tests.factories import definition, make_flow


def exported(**fields: Any) -> dict[str, Any]:
    """A file as an object."""
    return {
        "format": "flowpilot-flow",
        "format_version": 1,
        "key": "vpn",
        "title": "VPN",
        "description": "",
        "problem_domain": "networking",
        "version": 3,
        "definition": definition(),
        **fields,
    }


def faults(content: Any) -> dict[str, str]:
    """{pointer: code} of what is wrong with a file."""
    portable, found = read_portable(content if isinstance(content, bytes | str) else json.dumps(content))
    assert portable is None
    assert found
    return {fault.pointer: fault.code for fault in found}


def taken(content: bytes | str) -> PortableFlow:
    portable, found = read_portable(content)
    assert found == []
    assert portable is not None
    return portable


class TestReading:
    def test_what_is_written_is_read(self) -> None:
        tree = definition("Läuft das VPN? “So-so” \u2028\n\t<b>", yes="重启 🛰")
        flow = PortableFlow("VPN & <Co>", tree, "vpn", "Two\nlines", "netz", 7)
        assert taken(flow.to_text()) == flow
        assert taken(flow.to_text().encode()) == flow
        assert json.loads(flow.to_text()) == flow.to_json()

    def test_an_editor_may_have_marked_it_or_ended_its_lines_otherwise(self) -> None:
        text = json.dumps(exported(description="Two\r\nlines"), indent=2).replace("\n", "\r\n")
        for content in (b"\xef\xbb\xbf" + text.encode(), "\ufeff" + text):
            assert taken(content).description == "Two\nlines"

    def test_a_title_and_a_definition_are_enough(self) -> None:
        flow = taken(json.dumps({k: exported()[k] for k in ("format", "format_version", "title", "definition")}))
        assert (flow.key, flow.description, flow.problem_domain, flow.version) == ("", "", "", None)

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", "Line 1, column 1: Expecting value."),
            ('{\n  "format": "flowpilot-flow",\n  oops\n}', "Line 3, column 3: "),
            (b"\xff\xfe{}", "Byte 1 is not UTF-8 text."),
            (b"{" + b" " * MAX_BYTES, "The file is larger than 5 MB."),
            ("ü" * (MAX_BYTES // 2 + 1), "The file is larger than 5 MB."),
            ("[" * 100_000, "The JSON is nested too deeply."),
            ("null", "Must be an object, as FlowPilot exports it."),
            ("[]", "Must be an object, as FlowPilot exports it."),
            (json.dumps(definition()), "This is a definition alone: put it into “definition”, beside a “title”."),
        ],
    )
    def test_what_is_no_file_of_ours(self, content: bytes | str, told: str) -> None:
        portable, found = read_portable(content)
        assert portable is None
        assert [fault.pointer for fault in found] == [""]
        assert found[0].message.startswith(told)

    def test_every_fault_is_told_with_its_place(self) -> None:
        tree = definition()
        tree["nodes"][0]["options"][1]["next"] = "nowhere"
        del tree["nodes"][2]["text"]
        found = faults(
            exported(
                format="flow",
                format_version=True,
                key="v p n",
                title=" ",
                description=5,
                problem_domain="x" * 101,
                version=0,
                owner="alice",
                definition=tree,
                **{"a/b~c": 1},
            )
        )
        assert {pointer: code for pointer, code in found.items() if not pointer.startswith("/definition")} == {
            "/format": "wrong_value",
            "/format_version": "wrong_value",
            "/key": "bad_key",
            "/title": "blank",
            "/description": "wrong_type",
            "/problem_domain": "too_long",
            "/version": "wrong_value",
            "/owner": "unexpected",
            "/a~1b~0c": "unexpected",
        }
        assert {"/definition/nodes/0/options/1/next", "/definition/nodes/2/text"} <= set(found)

    @pytest.mark.parametrize("version", ["3", 3.0, True, -1, [], {}])
    def test_a_version_is_a_number(self, version: Any) -> None:
        assert faults(exported(version=version)) == {"/version": "wrong_value"}

    @pytest.mark.parametrize("title", [None, 5, ["VPN"]])
    def test_a_title_is_a_text(self, title: Any) -> None:
        assert faults(exported(title=title)) == {"/title": "wrong_type"}

    def test_no_definition(self) -> None:
        content = exported()
        del content["definition"]
        assert faults(content) == {"/definition": "missing"}
        assert "/definition" in faults(exported(definition=None))

    def test_of_two_values_under_one_key_none_is_lost_without_a_word(self) -> None:
        text = json.dumps(exported()).replace('"title": "VPN"', '"title": "VPN", "title": "Printing"')
        assert faults(text) == {"/title": "repeated_key"}

    @pytest.mark.parametrize("text", ["\x00", "a\x07b", "\ud800"])
    def test_what_the_database_cannot_hold_is_told(self, text: str) -> None:
        for name in ("title", "description", "problem_domain"):
            assert faults(exported(**{name: f"VPN {text}"})) == {f"/{name}": "control_character"}

    def test_a_fault_can_always_be_sent_and_shown(self) -> None:
        """Half of a surrogate pair is valid JSON, and no answer could hold it."""
        portable, found = read_portable(json.dumps(exported(**{"\ud800": 1, "x\x00y": 1})))
        assert portable is None
        assert [fault.pointer for fault in found] == ["/x\\x00y", "/\\ud800"]


class TestExamples:
    SAID = {
        "prompts": {"n1": ["is it up"], "n2": ["restart"]},
        "answers": {"n1": {"o1": ["yup"], "o2": ["nope"]}, "n2": {"o1": ["ok"]}},
        "problems": ["no vpn"],
    }

    def test_what_stays_keeps_what_was_said(self) -> None:
        assert examples_of_same(self.SAID, definition(), definition()) == self.SAID

    def test_what_is_asked_otherwise_forgets_it(self) -> None:
        after = definition(yes="Wait")
        after["nodes"][0]["options"][1]["label"] = "Never"
        assert examples_of_same(self.SAID, definition(), after) == {
            "prompts": {"n1": ["is it up"]},
            "answers": {"n1": {"o1": ["yup"]}},
            "problems": ["no vpn"],
        }

    def test_a_version_by_hand_has_none(self) -> None:
        assert examples_of_same({}, definition(), definition()) == {}


@pytest.mark.django_db
class TestImport:
    def file_of(self, flow: Flow) -> PortableFlow:
        assert flow.current_version is not None
        return taken(portable_of(flow, flow.current_version).to_text())

    def test_a_round_trip_into_another_account_says_the_same(self, cast: Cast) -> None:
        made = make_flow(
            cast.account,
            title="VPN, außen",
            key="VPN_1",
            description="Two\nlines",
            problem_domain="networking",
            examples=TestExamples.SAID,
            confidence_score=0.9,
            team=cast.team,
        )
        portable = self.file_of(made.flow)
        assert not set(json.dumps(portable.to_json()).split('"')) & {"is it up", "Service Desk", "examples", "team"}
        version = flow_import_new(actor=cast.mallory, account=cast.other_account, portable=portable)
        assert (version.flow.account, version.number, version.note) == (cast.other_account, 1, "Imported")
        assert (version.examples, version.confidence_score, version.flow.team) == ({}, None, None)
        assert portable_of(version.flow, version).to_json() == portable.to_json()

    def test_a_key_that_is_taken_gives_way_to_a_free_one(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        version = flow_import_new(actor=cast.alice, account=cast.account, portable=self.file_of(flow), note="By mail")
        assert (version.flow.key, version.flow.title, version.note) == ("vpn-2", "VPN", "By mail")
        flow.refresh_from_db()
        assert flow.current_version is not None
        assert flow.current_version.number == 1

    def test_the_next_version_leaves_what_stands_beside_it(self, cast: Cast) -> None:
        flow = make_flow(cast.account, description="Ours", examples=TestExamples.SAID).flow
        portable = taken(json.dumps(exported(title="Theirs", description="Theirs", definition=definition(yes="Wait"))))
        version = flow_import_version(actor=cast.alice, flow_id=flow.pk, base_number=1, portable=portable)
        flow.refresh_from_db()
        assert (version.number, version.definition, flow.current_version) == (2, definition(yes="Wait"), version)
        assert (flow.title, flow.description) == ("VPN", "Ours")
        assert version.examples == {
            "prompts": {"n1": ["is it up"]},
            "answers": {"n1": TestExamples.SAID["answers"]["n1"]},  # type: ignore[index]
            "problems": ["no vpn"],
        }

    def test_a_flow_that_has_moved_on_is_refused(self, cast: Cast) -> None:
        flow = make_flow(cast.account).flow
        flow_version_publish(actor=None, flow=flow, base_number=1, definition=definition(yes="Wait"))
        portable = taken(json.dumps(exported(definition=definition(yes="Call us"))))
        with pytest.raises(Conflict, match="at version 2 now; this change was made from version 1"):
            flow_import_version(actor=cast.alice, flow_id=flow.pk, base_number=1, portable=portable)
        flow_archive(actor=None, flow_id=flow.pk, reason="Old")
        with pytest.raises(Conflict, match="archived"):
            flow_import_version(actor=cast.alice, flow_id=flow.pk, base_number=2, portable=portable)
        assert flow.versions.count() == 2

    def test_nothing_invalid_comes_in_past_the_reader(self, cast: Cast) -> None:
        broken = PortableFlow("VPN", {"schema_version": 1, "root": "n1", "nodes": []})
        with pytest.raises(InvalidFlow):
            flow_import_new(actor=cast.alice, account=cast.account, portable=broken)
        assert not Flow.objects.exists()

    @pytest.mark.parametrize("who", ["bob", "carol", "sam", "mallory"])
    def test_only_those_who_may_change_flows_import(self, cast: Cast, who: str) -> None:
        flow = make_flow(cast.account).flow
        portable = taken(json.dumps(exported(definition=definition(yes="Wait"))))
        user: User = getattr(cast, who)
        with pytest.raises(NotAllowed):
            flow_import_new(actor=user, account=cast.account, portable=portable)
        with pytest.raises(NotFound if who == "mallory" else NotAllowed):
            flow_import_version(actor=user, flow_id=flow.pk, base_number=1, portable=portable)
        assert (Flow.objects.count(), flow.versions.count()) == (1, 1)


# All that a line of a chart may be: with texts in quotes that hold nothing of Mermaid's own but #number; codes.
WORDS = r"(?:[\w .,?!'()/+=@-]|#\d+;)*"
NODE = re.compile(
    rf"""  s\d+(?:\{{\{{"{WORDS}"\}}\}}|\["{WORDS}"\]|\(\["✓ {WORDS}"\]\)|\[/"↑ {WORDS}"/\])""",
)
EDGE = re.compile(rf"""  s\d+ -->\|"{WORDS}"\| s\d+""")


class TestMermaid:
    def test_a_chart_of_the_tree(self) -> None:
        assert to_mermaid(definition()).splitlines() == [
            "flowchart TD",
            '  s0{{"Does the VPN client connect?"}}',
            '  s1["Restart the router"]',
            '  s2(["✓ It works again"])',
            '  s3[/"↑ Hand over to the network team"/]',
            '  s0 -->|"Yes"| s1',
            '  s0 -->|"No"| s3',
            '  s1 -->|"Done"| s2',
        ]

    @pytest.mark.parametrize(
        "hostile",
        [
            '"]; click s0 "javascript:alert(1)"',
            "x\nclick s0 href",
            "</script><script>alert(1)</script>",
            "%%{init: {'securityLevel': 'loose'}}%%",
            "`**bold**`",
            "end",
            "#quot; &quot; ;",
            "a --> b | c {d} [e] (f)",
            "style s0 fill:#fff",
            "\u2028line\u2029",
        ],
    )
    def test_hostile_texts_stay_texts(self, hostile: str) -> None:
        tree = definition(hostile, yes=hostile)
        tree["nodes"][0]["options"][0]["label"] = hostile
        head, *lines = to_mermaid(tree).split("\n")[:-1]
        assert head == "flowchart TD"
        assert len(lines) == 7
        assert all(NODE.fullmatch(line) for line in lines[:4])
        assert all(EDGE.fullmatch(line) for line in lines[4:])
        coded = re.search('"(.*)"', lines[0])
        assert coded is not None
        assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), coded[1]) == " ".join(hostile.split())

    def test_nothing_invalid_is_drawn(self) -> None:
        with pytest.raises(InvalidDefinition):
            to_mermaid({"schema_version": 1, "root": "n1", "nodes": []})
