"""A session as a record that another account, or another FlowPilot, can import."""

from typing import Any

from sessions.models import AISession, SessionStep


def record_json(session: AISession) -> dict[str, Any]:
    """The session record (see `sessions.records`) of a row; reads its client, team, flow, version and steps."""
    record: dict[str, Any] = {
        "external_id": session.external_id,
        "status": session.status,
        "title": session.title,
        "problem_summary": session.problem_summary,
        "problem_domain": session.problem_domain or None,
        "client": session.client.name if session.client else None,
        "technician": session.technician_email or None,
        "team": session.team.name if session.team else None,
        "started_at": session.started_at.isoformat(),
        "ended_at": session.ended_at.isoformat() if session.ended_at else None,
        "resolution_summary": session.resolution_summary,
        "flow": _flow(session),
        "psa": {"system": session.psa_system, "ticket_id": session.psa_ticket_id} if session.psa_ticket_id else None,
    }
    if session.transcript is not None:
        return {**record, "transcript": session.transcript}
    return {**record, "steps": [_step(step) for step in session.steps.all()]}


def _flow(session: AISession) -> dict[str, Any] | None:
    if session.flow is None:
        return None
    version = session.flow_version
    return {"key": session.flow.key, **({"version": version.number} if version else {})}


def _step(step: SessionStep) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "prompt": step.prompt,
        "options": step.options,
        "selected_option": step.selected_option,
        "response": step.response,
        "at": step.at.isoformat() if step.at else None,
    }
