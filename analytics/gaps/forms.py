"""What somebody says of a gap on its page."""

from typing import Any

from django import forms

from analytics.gaps.models import KnowledgeGap
from analytics.gaps.selectors import people_for
from analytics.gaps.services import MOST_TEXT, MOVES

State = KnowledgeGap.State


class GapForm(forms.Form):
    """State, owner, due date and notes; `revision` is the one that was read."""

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    state = forms.ChoiceField(help_text="A gap is not closed by hand: it closes when its measured rate recovers.")
    reason = forms.CharField(
        required=False,
        max_length=MOST_TEXT,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Asked for when it is accepted: why it may stay as it is.",
    )
    owner = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    due = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    notes = forms.CharField(required=False, max_length=MOST_TEXT, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, gap: KnowledgeGap, data: Any = None) -> None:
        initial = {
            "revision": gap.revision,
            "state": gap.state,
            "reason": gap.reason if gap.state == State.ACCEPTED else "",
            "owner": gap.owner_id,
            "due": gap.due,
            "notes": gap.notes,
        }
        super().__init__(data, initial=initial)
        states = [gap.state, *MOVES[gap.state]]
        self.fields["state"].choices = [(state, State(state).label) for state in states]  # type: ignore[attr-defined]
        people = [(user.pk, str(user)) for user in people_for(gap)]
        self.fields["owner"].choices = [("", "Nobody"), *people]  # type: ignore[attr-defined]

    def changes(self) -> dict[str, Any]:
        """What `gap_change` takes."""
        data = dict(self.cleaned_data)
        data["owner_id"] = data.pop("owner")
        return data
