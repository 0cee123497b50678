"""How operations are named in the OpenAPI description."""

from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.plumbing import get_lib_doc_excludes

from flowpilot.common.reading import RowSerializer

# What a viewset's own actions are called; every other action has a name of its own.
STANDARD = frozenset({"list", "retrieve", "create", "partial_update", "destroy"})


def classes_without_a_word() -> list[Any]:
    """Bases whose docstrings tell of the code and not of the API."""
    return [*get_lib_doc_excludes(), RowSerializer]  # type: ignore[no-untyped-call]


class AutoSchema(SpectacularSchema):
    """Operations are called by what they do: `proposals_list`, `proposals_approve`, `metrics_summary`."""

    def get_summary(self) -> str | None:
        """What the view says of itself, where it says nothing of the operation: its first sentence."""
        return self.get_description().partition(".")[0].replace("\n", " ") or None

    def get_operation_id(self) -> str:
        tokens = [token.replace("-", "_") for token in self._tokenize_path()]
        action = getattr(self.view, "action", None)
        if action is None:
            return "_".join([*tokens, "retrieve"] if self.path.endswith("}/") else tokens)
        return "_".join([*tokens, action] if action in STANDARD else [tokens[0], action])
