"""Forms of scripts: the values of a template's parameters, and a template with its rows of parameters."""

from collections.abc import Mapping
from typing import Any

from django import forms

from flowpilot.accounts.models import Account
from sessions.scripts.models import ROLE_RANKS, SHELLS, ScriptTemplateVersion
from sessions.scripts.parameters import Fault, Kind, Parameter
from sessions.scripts.scan import MAX_BODY
from sessions.scripts.services import LIMITS, Content, Finding

SPARE_ROWS = 3
PREFIX = "p_"
LABELS = {
    Kind.STRING: "Text",
    Kind.INTEGER: "Whole number",
    Kind.CHOICE: "Choice",
    Kind.BOOLEAN: "Yes or no",
    Kind.HOST_NAME: "Host name",
    Kind.USER_NAME: "User name",
    Kind.PATH: "Path",
    Kind.SECRET: "Secret",
}


class ValuesForm(forms.Form):
    """One field a parameter. The service checks the values: the form only asks and shows what was refused where."""

    def __init__(self, *args: Any, parameters: list[Parameter], known: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in parameters:
            field = _field(parameter)
            field.label = parameter.title
            field.initial = known.get(parameter.name) or _default(parameter)
            told = [parameter.help, "From the session: check it." if parameter.name in known else ""]
            field.help_text = " ".join(filter(None, told))
            self.fields[PREFIX + parameter.name] = field

    def values(self) -> dict[str, object]:
        """The values as they came, by parameter."""
        names = [name for name in self.fields if name.startswith(PREFIX)]
        return {name.removeprefix(PREFIX): self.data.get(name) or "" for name in names}

    def initial_values(self) -> dict[str, object]:
        return {name.removeprefix(PREFIX): field.initial for name, field in self.fields.items()}

    def tell(self, faults: list[Fault]) -> None:
        for fault in faults:
            name = PREFIX + fault.field
            self.add_error(name if name in self.fields else None, str(fault))


def _default(parameter: Parameter) -> Any:
    return parameter.default in ("true", "1", "on") if parameter.kind == Kind.BOOLEAN else parameter.default


def _field(parameter: Parameter) -> forms.Field:
    if parameter.kind == Kind.BOOLEAN:
        return forms.BooleanField(required=False)
    if parameter.kind == Kind.CHOICE:
        return forms.ChoiceField(choices=[(option, option) for option in parameter.options], required=False)
    attrs: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false"}
    if parameter.kind == Kind.INTEGER:
        limits = {"min": parameter.minimum, "max": parameter.maximum}
        attrs |= {name: value for name, value in limits.items() if value is not None}
        return forms.CharField(required=False, widget=forms.NumberInput(attrs=attrs))
    attrs["maxlength"] = parameter.longest
    if parameter.multiline:
        return forms.CharField(required=parameter.required, strip=False, widget=forms.Textarea({**attrs, "rows": 4}))
    if parameter.is_secret:
        # It is never sent back: a page that shows a fault asks for it again.
        widget = forms.PasswordInput(attrs={**attrs, "autocomplete": "new-password"}, render_value=False)
        return forms.CharField(strip=False, widget=widget)
    return forms.CharField(required=parameter.required, strip=False, widget=forms.TextInput(attrs=attrs))


class TemplateForm(forms.Form):
    """What a version says, and what finds its template."""

    account = forms.ModelChoiceField(
        queryset=Account.objects.none(), required=False, empty_label="Everybody's library", help_text="Whose it is."
    )
    title = forms.CharField(max_length=LIMITS["title"])
    shell = forms.ChoiceField(choices=SHELLS)
    what_it_does = forms.CharField(
        max_length=LIMITS["what_it_does"],
        widget=forms.Textarea({"rows": 3}),
        help_text="In words for who runs it: what changes, and what is lost.",
    )
    risk = forms.ChoiceField(choices=ScriptTemplateVersion.Risk.choices)
    minimum_role = forms.ChoiceField(
        choices=[(role.value, f"{role.label} and upwards") for role in ROLE_RANKS], label="Who may generate it"
    )
    problem_domain = forms.CharField(
        required=False, max_length=LIMITS["problem_domain"], label="Domain", help_text="Such as networking."
    )
    keywords = forms.CharField(
        required=False, max_length=LIMITS["keywords"], help_text="Words of the problems that it helps with."
    )
    body = forms.CharField(
        max_length=MAX_BODY,
        strip=False,
        widget=forms.Textarea({"rows": 18, "spellcheck": "false", "wrap": "off"}),
        help_text="A parameter stands as {{ name }}, without quotes around it: it brings its own.",
    )
    note = forms.CharField(required=False, max_length=LIMITS["note"], help_text="What is new in this version.")

    def __init__(self, *args: Any, accounts: Any = None, is_new: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["account"], self.fields["shell"]
            return
        field: Any = self.fields["account"]
        field.queryset = accounts
        if len(accounts) == 1:
            field.widget, field.initial, field.required = forms.HiddenInput(), accounts[0].pk, True

    def finding(self) -> Finding:
        return Finding(*(self.data.get(name, "") for name in ("title", "problem_domain", "keywords")))

    def content(self, parameters: list[dict[str, Any]]) -> Content:
        said = {name: self.data.get(name, "") for name in ("what_it_does", "body", "risk", "minimum_role")}
        return Content(parameters=parameters, **said)

    @staticmethod
    def initial_of(version: ScriptTemplateVersion) -> dict[str, Any]:
        template = version.template
        found = {name: getattr(template, name) for name in ("title", "problem_domain", "keywords")}
        said = {name: getattr(version, name) for name in ("what_it_does", "risk", "minimum_role", "body")}
        return {**found, **said}


class ParameterForm(forms.Form):
    """One row of a template's parameters; a row without a name is none."""

    name = forms.CharField(required=False, max_length=40)
    label = forms.CharField(required=False, max_length=100)
    kind = forms.ChoiceField(choices=[(kind.value, LABELS[kind]) for kind in Kind], required=False, label="Type")
    required = forms.BooleanField(required=False, initial=True)
    default = forms.CharField(required=False, strip=False)
    minimum = forms.IntegerField(required=False, label="From")
    maximum = forms.IntegerField(required=False, label="To")
    options = forms.CharField(required=False, help_text="Of a choice, with commas between.")
    help = forms.CharField(required=False, max_length=300)
    multiline = forms.BooleanField(required=False, label="Several lines")

    def described(self) -> dict[str, Any]:
        """The row as an object of `parameters.Parameter`."""
        data: dict[str, Any] = self.cleaned_data
        found = {name: data[name] for name in ("name", "label", "kind", "required", "default", "help", "multiline")}
        found |= {name: data[name] for name in ("minimum", "maximum") if data[name] is not None}
        found["options"] = [option.strip() for option in data["options"].split(",") if option.strip()]
        return found


ParameterRows = forms.formset_factory(ParameterForm, extra=SPARE_ROWS, max_num=40)


def rows_of(version: ScriptTemplateVersion) -> list[dict[str, Any]]:
    """A version's parameters as the rows' initial values."""
    return [
        {**parameter.model_dump(mode="json"), "options": ", ".join(parameter.options)}
        for parameter in version.read_parameters
    ]


def described_rows(rows: Any) -> tuple[list[dict[str, Any]], list[Fault]]:
    """The objects that the rows describe, and what the rows themselves refuse."""
    if not rows.is_valid():
        told = [
            Fault("parameters", f"row {number}: {name}: {messages[0]}")
            for number, errors in enumerate(rows.errors, start=1)
            for name, messages in errors.items()
        ]
        return [], told or [Fault("parameters", "the rows of the parameters came incomplete")]
    return [row.described() for row in rows if row.cleaned_data.get("name")], []
