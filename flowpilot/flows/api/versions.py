"""Which version a request means."""

from flowpilot.common.errors import InvalidInput, NotFound
from flowpilot.flows.models import Flow, FlowVersion

MOST_VERSIONS = 999_999_999  # longer numbers are none that the database could hold


def version_of(flow: Flow, number: str | None, parameter: str = "version") -> FlowVersion:
    """The version of that number, without one the current. Raises InvalidInput, NotFound."""
    if number is None or number == "":
        if flow.current_version is None:
            raise NotFound("this flow has no version yet")
        return flow.current_version
    if not number.isdecimal():
        raise InvalidInput("a version is a whole number", details={parameter: f"“{number[:40]}” is none."})
    known = FlowVersion.objects.filter(flow=flow).select_related("created_by")
    found = known.filter(number=int(number)).first() if len(number) < 10 else None
    if found is None:
        raise NotFound(f"{flow.title} has no version {number[:40]}")
    return found
