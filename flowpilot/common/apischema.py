"""How operations are named in the OpenAPI description."""

from drf_spectacular.openapi import AutoSchema as SpectacularSchema

# What a viewset's own actions are called; every other action has a name of its own.
STANDARD = frozenset({"list", "retrieve", "create", "partial_update", "destroy"})


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
