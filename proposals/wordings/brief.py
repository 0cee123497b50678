"""What a model is told of a proposal, and the schema that its answer must have. Pure.

Both come from the definition: an answer has a place for each text that may get new words, and for nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from proposals.mining.examples import FlowExamples
from proposals.wordings.check import Evidence, claim_fault, fault_of, label_fault

MOST_NODES, MOST_CHARACTERS = 30, 24_000  # of one question
SAID, ANSWERS, PROBLEMS = 5, 4, 8  # lines that are sent of each
SAID_CHARACTERS, ANSWER_CHARACTERS = 300, 120
MOST_TITLE, MOST_DESCRIPTION, MOST_TEXT, MOST_LABEL = 120, 600, 1_000, 200

Where = Literal["title", "description", "text", "label"]

INSTRUCTIONS = """
You improve the words of a troubleshooting flow for a helpdesk. A flow is a decision tree that was mined from sessions.
For each node you get its text, lines that technicians really wrote there (said), and for each of its options the label
and answers that users really gave. Write for each text a clear, short, friendly and impersonal wording in the language
of the lines: a question for a question, an instruction for an action, what was done for an end. Write labels as short
answers to the node's question. The title names the problem in three to eight words; the description says in one or two
sentences what the flow helps with.
Keep the meaning of every text: what was asked is still asked, yes stays yes, no stays no. Use no number, command,
product, path or address that does not stand in the lines of that very node. Where the text is good already, repeat it.
"""


@dataclass(frozen=True)
class Piece:
    """One text that may get new words: the miner's, and the lines that it rests on."""

    where: Where
    own: str
    said: tuple[str, ...] = ()
    node: str = ""
    option: str = ""
    # The labels of the node's other options, and their lines.
    others: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def fault(self, words: str) -> str:
        """Why these words may not stand there; "" where they may."""
        evidence = Evidence([self.own, *self.said])
        if self.where in ("title", "description"):
            return claim_fault(words, self.own, evidence)
        if self.where == "label":
            others = [(label, Evidence([label, *said])) for label, said in self.others]
            return label_fault(words, self.own, others, evidence)
        return fault_of(words, self.own, evidence)


@dataclass(frozen=True)
class NodePart:
    """A node of which something may get new words; `text` is None where only some of its options' labels may."""

    id: str
    kind: str
    text: Piece | None
    labels: tuple[Piece, ...]
    shown: str

    def pieces(self) -> Iterator[Piece]:
        if self.text is not None:
            yield self.text
        yield from self.labels

    def lines(self) -> Iterator[str]:
        """All that would be sent of it."""
        yield self.shown
        for piece in self.pieces():
            yield from (piece.own, *piece.said)

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"kind": self.kind, "text": self.shown}
        if self.text is not None:
            told["said"] = [line[:SAID_CHARACTERS] for line in self.text.said[:SAID]]
        if self.labels:
            told["options"] = {
                piece.option: {
                    "label": piece.own,
                    "answers": [line[:ANSWER_CHARACTERS] for line in piece.said[:ANSWERS]],
                }
                for piece in self.labels
            }
        return told


@dataclass(frozen=True)
class Brief:
    """What may be worded of a proposal."""

    title: Piece | None
    description: Piece | None
    nodes: tuple[NodePart, ...]
    problems: tuple[str, ...] = field(default=())

    def heads(self) -> list[Piece]:
        return [piece for piece in (self.title, self.description) if piece is not None]


def brief_of(
    definition: Mapping[str, Any],
    base: Mapping[str, Any] | None,
    examples: FlowExamples,
    title: str,
    description: str,
) -> Brief:
    """The brief of a proposal. Of a change only what its base has not: the rest was approved by people."""
    known = {
        str(node["id"]): {str(o["id"]) for o in node.get("options") or []} for node in (base or {}).get("nodes", [])
    }
    parts = (_part(node, known.get(str(node["id"])), examples) for node in definition["nodes"])
    nodes = tuple(part for part in parts if part is not None)
    if base is not None:
        return Brief(None, None, nodes)
    # They tell of the problem, by the lines about it: the steps have their own.
    problems = tuple(examples.problems)
    return Brief(
        Piece("title", title, problems),
        Piece("description", description, (title, *problems)) if description else None,
        nodes,
        problems,
    )


def _part(node: Mapping[str, Any], approved: set[str] | None, examples: FlowExamples) -> NodePart | None:
    node_id, answers = str(node["id"]), examples.answers.get(str(node["id"]), {})
    said = {
        str(option["id"]): tuple(text for text, _ in answers.get(str(option["id"]), ()))
        for option in node.get("options") or []
    }
    options = {str(option["id"]): str(option["label"]) for option in node.get("options") or []}
    labels = tuple(
        Piece(
            "label", label, said[option], node_id, option,
            tuple((other, said[key]) for key, other in options.items() if key != option),
        )
        for option, label in options.items()
        if approved is None or option not in approved
    )  # fmt: skip
    own = str(node["text"])
    text = Piece("text", own, tuple(examples.prompts.get(node_id, ())), node_id) if approved is None else None
    return NodePart(node_id, str(node["kind"]), text, labels, own) if text is not None or labels else None


def batches(nodes: Sequence[NodePart]) -> list[list[NodePart]]:
    """The nodes in the portions of one question each; at least one portion, which may be empty."""
    found: list[list[NodePart]] = [[]]
    size = 0
    for node in nodes:
        length = len(str(node.to_json()))
        if found[-1] and (len(found[-1]) >= MOST_NODES or size + length > MOST_CHARACTERS):
            found.append([])
            size = 0
        found[-1].append(node)
        size += length
    return found


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def schema_of(nodes: Sequence[NodePart], heads: Sequence[Piece]) -> type[BaseModel]:
    """The model of an answer: a text for each piece, under the ids of the definition, all of them and no others."""
    fields: dict[str, Any] = {}
    if nodes:
        fields["nodes"] = (_model("Nodes", {node.id: _node_model(node) for node in nodes}), ...)
    for piece in heads:
        most = MOST_TITLE if piece.where == "title" else MOST_DESCRIPTION
        fields[piece.where] = (str, Field(min_length=1, max_length=most))
    return create_model("Wording", __base__=_Strict, **fields)


def _node_model(node: NodePart) -> Any:
    fields: dict[str, Any] = {}
    if node.text is not None:
        fields["text"] = (str, Field(min_length=1, max_length=MOST_TEXT))
    if node.labels:
        label = (str, Field(min_length=1, max_length=MOST_LABEL))
        fields["options"] = (_model("Options", {piece.option: label for piece in node.labels}), ...)
    return create_model("Node", __base__=_Strict, **fields), ...


def _model(name: str, by_id: Mapping[str, Any]) -> type[BaseModel]:
    """A model with a field for each id, whatever letters the id has."""
    fields: dict[str, Any] = {}
    for number, (key, (kind, rule)) in enumerate(by_id.items()):
        info = Field(alias=key) if rule is ... else Field(alias=key, min_length=1, max_length=MOST_LABEL)
        fields[f"f{number}"] = (kind, info)
    return create_model(name, __base__=_Strict, **fields)


def words_of(answer: BaseModel, nodes: Sequence[NodePart], heads: Sequence[Piece]) -> dict[Piece, str]:
    """The new words of each piece, from an answer of schema_of(nodes, heads)."""
    told = answer.model_dump(by_alias=True)
    words: dict[Piece, str] = {piece: told[piece.where] for piece in heads}
    for node in nodes:
        said = told["nodes"][node.id]
        if node.text is not None:
            words[node.text] = said["text"]
        words |= {piece: said["options"][piece.option] for piece in node.labels}
    return words
