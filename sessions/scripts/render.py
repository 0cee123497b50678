"""A template's body with its values: the text to run, and the text to keep. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sessions.scripts.parameters import Fault, Kind, Parameter, Shell, Value, read_values
from sessions.scripts.quoting import Unquotable, literal
from sessions.scripts.scan import PLACEHOLDER, scan_body

MASK = "«secret: {name}»"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the text as it may be shown and kept: a secret is only marked. `parameter` names what filled it."""

    text: str
    parameter: str = ""
    is_secret: bool = False
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """`text` is what runs and holds the secrets: it goes into an answer and nowhere else, and repr leaves it out."""

    segments: tuple[Segment, ...]
    masked: dict[str, Value]
    text: str = field(repr=False)

    @property
    def kept(self) -> str:
        """The text with its secrets marked: what is stored."""
        return "".join(segment.text for segment in self.segments)


class RenderError(ValueError):
    """Values or body that cannot be rendered; `faults` says which and why."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault}" for fault in faults))
        self.faults = list(faults)


def check_template(shell: Shell, body: str, parameters: Sequence[Parameter]) -> list[Fault]:
    """Every fault of a template: its placeholders, and defaults or options that its shell cannot carry."""
    _, faults = scan_body(shell, body, {parameter.name: parameter.kind for parameter in parameters})
    for parameter in parameters:
        faults += _quotable(shell, parameter)
    return faults


def _quotable(shell: Shell, parameter: Parameter) -> list[Fault]:
    if shell == Shell.CMD and parameter.multiline:
        return [Fault("parameters", f"{parameter.name}: cmd cannot carry several lines")]
    if parameter.kind in (Kind.INTEGER, Kind.BOOLEAN):
        return []
    faults = []
    for value in filter(None, (parameter.default, *parameter.options)):
        try:
            literal(shell, parameter.kind, value)
        except Unquotable as error:
            faults.append(Fault("parameters", f"{parameter.name}: {value!r}: {error}"))
    return faults


def render(shell: Shell, body: str, parameters: Sequence[Parameter], raw: Mapping[str, object]) -> Rendered:
    """The script of the values in `raw`. Raises RenderError with every fault.

    The body is checked again: what was saved by other hands is not rendered either.
    """
    values, faults = read_values(parameters, raw)
    literals, unquotable = _literals(shell, parameters, values)
    faults += [*unquotable, *check_template(shell, body, parameters)]
    if faults:
        raise RenderError(faults)
    secrets = {parameter.name for parameter in parameters if parameter.is_secret}
    masked = {name: MASK.format(name=name) if name in secrets else value for name, value in values.items()}
    text = "".join(literals[part] if is_name else part for part, is_name in _parts(body))
    segments = tuple(
        Segment(MASK.format(name=part) if part in secrets else literals[part], part, part in secrets)
        if is_name
        else Segment(part)
        for part, is_name in _parts(body)
    )
    return Rendered(segments, masked, text)


def preview(
    shell: Shell, body: str, parameters: Sequence[Parameter], raw: Mapping[str, object]
) -> tuple[list[Segment], list[Fault]]:
    """What can be shown while the form is filled in: parameters marked, secrets never looked at, what is missing."""
    values, faults = read_values(parameters, raw, without_secrets=True)
    literals, unquotable = _literals(shell, parameters, values)
    secrets = {parameter.name for parameter in parameters if parameter.is_secret}
    segments = []
    for part, is_name in _parts(body):
        if not is_name:
            segments.append(Segment(part))
        elif part in secrets:
            segments.append(Segment(MASK.format(name=part), part, is_secret=True))
        else:
            segments.append(Segment(literals.get(part, f"[{part}]"), part, is_missing=part not in literals))
    return segments, [*faults, *unquotable]


def _literals(
    shell: Shell, parameters: Sequence[Parameter], values: Mapping[str, Value]
) -> tuple[dict[str, str], list[Fault]]:
    literals: dict[str, str] = {}
    faults = []
    for parameter in parameters:
        if parameter.name not in values:
            continue
        try:
            literals[parameter.name] = literal(shell, parameter.kind, values[parameter.name])
        except Unquotable as error:
            faults.append(Fault(parameter.name, str(error)))
    return literals, faults


def _parts(body: str) -> list[tuple[str, bool]]:
    """The body cut at its placeholders, once: what a value holds is never looked at again."""
    return [(part, bool(place % 2)) for place, part in enumerate(PLACEHOLDER.split(body))]


def segments_of(body: str) -> list[Segment]:
    """A template's own text, its placeholders marked."""
    return [
        Segment(f"{{{{ {part} }}}}" if is_name else part, part if is_name else "") for part, is_name in _parts(body)
    ]
