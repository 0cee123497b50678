"""Forms of what is done to a flow."""

import json
from typing import Any

from django import forms
from django.db.models import Q

from flowpilot.accounts.models import Account, Team, User
from flowpilot.flows.definition import MAX_TITLE
from flowpilot.flows.models import Flow
from flowpilot.flows.portable import MAX_BYTES, MAX_DESCRIPTION, MAX_DOMAIN
from flowpilot.flows.upkeep import flow_facts, possible_owners

LONGEST_REASON = 2_000


class FlowForm(forms.Form):
    """What stands beside a flow's versions; `seen` is what it was when the form was opened."""

    title = forms.CharField(max_length=MAX_TITLE)
    description = forms.CharField(
        required=False, max_length=MAX_DESCRIPTION, widget=forms.Textarea(attrs={"rows": 4}), strip=True
    )
    problem_domain = forms.CharField(
        required=False, max_length=MAX_DOMAIN, label="Domain", help_text="Such as networking, as sessions name it."
    )
    team = forms.ModelChoiceField(queryset=Team.objects.none(), required=False, empty_label="None")
    owner = forms.ModelChoiceField(
        queryset=User.objects.none(),
        required=False,
        empty_label="Nobody",
        help_text="Who answers for the flow: a member who may change flows.",
    )
    review_by = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The day by which somebody should read it again.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, flow: Flow, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams: Any = self.fields["team"]
        teams.queryset = Team.objects.filter(account=flow.account_id)
        owners: Any = self.fields["owner"]
        members = possible_owners(flow.account_id).values("pk")
        owners.queryset = User.objects.filter(Q(pk__in=members) | Q(pk=flow.owner_id))

    def clean_seen(self) -> dict[str, Any]:
        try:
            seen = json.loads(self.cleaned_data["seen"])
        except (ValueError, RecursionError):
            seen = None
        # What cannot be read agrees with nothing: the service then shows what is there now.
        return seen if isinstance(seen, dict) else {}

    @staticmethod
    def initial_of(flow: Flow) -> dict[str, Any]:
        values = {name: getattr(flow, name) for name in ("title", "description", "problem_domain", "review_by")}
        return {**values, "team": flow.team_id, "owner": flow.owner_id, "seen": json.dumps(flow_facts(flow))}


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=LONGEST_REASON, widget=forms.Textarea(attrs={"rows": 3}))


class RollBackForm(ReasonForm):
    """`version` is the one to go back to, `base` the current one: both as they were compared on the page."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    base = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class ImportForm(forms.Form):
    """A file, or its text; the page that follows sends the text again."""

    account = forms.ModelChoiceField(queryset=Account.objects.none(), empty_label=None)
    file = forms.FileField(required=False, label="File", help_text="A flow as FlowPilot exports it (JSON).")
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=MAX_BYTES,
        label="Or its text",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, accounts: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["account"]
        field.queryset = accounts
        if accounts.count() == 1:
            field.widget = forms.HiddenInput()
            field.initial = accounts.get().pk

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        file = data.get("file")
        if file is not None and file.size > MAX_BYTES:
            self.add_error("file", f"The file is larger than {MAX_BYTES // 1024 // 1024} MB.")
        elif file is None and not data.get("text", "").strip() and not self.errors:
            self.add_error("file", "Choose a file, or paste its text.")
        return data

    def content(self) -> bytes | str:
        file = self.cleaned_data.get("file")
        return file.read() if file is not None else self.cleaned_data["text"]


class PublishImportForm(forms.Form):
    """Which of the two: a new flow, or the next version of the flow of that key, whose version `base` was compared."""

    as_what = forms.ChoiceField(choices=[("version", "version"), ("new", "new")])
    flow = forms.IntegerField(min_value=1, required=False)
    base = forms.IntegerField(min_value=0, required=False)
