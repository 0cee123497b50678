"""What was said at a flow's nodes: for recognising its prompts and reading the answers to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proposals.mining.answers import AnswerExample


@dataclass(frozen=True)
class FlowExamples:
    prompts: Mapping[str, list[str]] = field(default_factory=dict)  # node id -> wordings
    answers: Mapping[str, Mapping[str, list[AnswerExample]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "prompts": {node: list(texts) for node, texts in self.prompts.items()},
            "answers": {
                node: {option: [list(pair) for pair in said] for option, said in options.items()}
                for node, options in self.answers.items()
            },
            "problems": list(self.problems),
        }

    @classmethod
    def from_json(cls, obj: object) -> "FlowExamples":
        """The examples in a decoded JSON object; whatever is not of the right shape is left out."""
        if not isinstance(obj, Mapping):
            return cls()
        prompts, answers = obj.get("prompts"), obj.get("answers")
        return cls(
            {node: _texts(texts) for node, texts in _mapping(prompts).items()},
            {
                node: {option: _answers(said) for option, said in _mapping(options).items()}
                for node, options in _mapping(answers).items()
            },
            _texts(obj.get("problems")),
        )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _answers(value: object) -> list[AnswerExample]:
    pairs = value if isinstance(value, list) else []
    return [
        (pair[0], bool(pair[1]))
        for pair in pairs
        if isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)
    ]


@dataclass(frozen=True)
class FlowSource:
    """A flow to be matched and replayed; `about` is its title and description."""

    definition: Mapping[str, Any]
    examples: FlowExamples | None = None
    about: str = ""
