"""Forms of the decisions."""

from collections.abc import Iterable
from typing import Any

from django import forms

from flowpilot.flows.definition import MAX_TITLE
from flowpilot.flows.validation import DefinitionError, parse_definition


class DecisionForm(forms.Form):
    """What every decision names: the revision that was read, and notes."""

    revision = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    notes = forms.CharField(
        required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3}), label="Notes for the record"
    )


class PublishForm(DecisionForm):
    """Edit & publish: the definition as text; `base_version` where the edit was brought onto a newer version."""

    title = forms.CharField(max_length=MAX_TITLE)
    base_version = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    definition = forms.CharField(widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false"}), strip=False)

    def clean_definition(self) -> dict[str, Any]:
        parsed, errors = parse_definition(self.cleaned_data["definition"])
        if errors:
            raise forms.ValidationError(sentences(errors))
        assert isinstance(parsed, dict)  # noqa: S101  # what parses to anything else has errors
        return parsed


def sentences(errors: Iterable[DefinitionError]) -> list[str]:
    return [f"{error.pointer}: {error.message}" if error.pointer else error.message for error in errors]
