"""The texts of a wording as they are kept, put into a definition, and counted when it is published. Pure."""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from proposals.wordings.brief import Piece


@dataclass(frozen=True, slots=True)
class WordedText:
    """One text: the miner's (`own`), the model's (`words`, empty where there are none), and why the miner's stays.

    `flags` says what in its evidence reads like orders to a model.
    """

    where: str
    own: str
    words: str = ""
    reason: str = ""
    node: str = ""
    option: str = ""
    flags: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, piece: Piece, words: str = "", reason: str = "", flags: Sequence[str] = ()) -> "WordedText":
        return cls(piece.where, piece.own, words, reason, piece.node, piece.option, list(flags))

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "WordedText":
        return cls(**row)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def key(self) -> str:
        """What names the text on a page."""
        return ".".join(part for part in (self.where, self.node, self.option) if part)

    @property
    def is_new(self) -> bool:
        """Whether there are words to choose."""
        return bool(self.words) and self.words != self.own


@dataclass(frozen=True, slots=True)
class Words:
    """What a reviewer edits, and publishes."""

    title: str
    description: str
    definition: dict[str, Any]

    def read(self, text: WordedText) -> str | None:
        """What stands at the text's place; None where there is no such place any more."""
        if text.where == "title":
            return self.title
        if text.where == "description":
            return self.description
        node = next((node for node in self.definition.get("nodes", ()) if node.get("id") == text.node), None)
        if node is None or text.where == "text":
            return None if node is None else str(node.get("text", ""))
        option = next((o for o in node.get("options") or () if o.get("id") == text.option), None)
        return None if option is None else str(option.get("label", ""))


def chosen(words: Words, texts: Sequence[WordedText], of_model: Collection[str]) -> tuple[Words, int]:
    """The words with the model's where their keys are `of_model`, with the miner's at the other texts; and how many
    were left as they are, for somebody has written something else there."""
    definition = copy.deepcopy(words.definition)
    nodes = {node.get("id"): node for node in definition.get("nodes", ())}
    title, description, left = words.title, words.description, 0
    for text in texts:
        if not text.is_new:
            continue
        wanted = text.words if text.key in of_model else text.own
        if words.read(text) not in (text.own, text.words):
            left += 1
        elif text.where == "title":
            title = wanted
        elif text.where == "description":
            description = wanted
        elif text.where == "text":
            nodes[text.node]["text"] = wanted
        else:
            next(o for o in nodes[text.node]["options"] if o["id"] == text.option)["label"] = wanted
    return Words(title, description, definition), left


def kept(published: Words, texts: Sequence[WordedText]) -> tuple[int, int, int]:
    """Of the texts with new words: how many were published in the model's words, in the miner's, in others."""
    said = [(published.read(text), text) for text in texts if text.is_new]
    model = sum(now == text.words for now, text in said)
    own = sum(now == text.own for now, text in said)
    return model, own, len(said) - model - own
