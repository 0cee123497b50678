"""What writes scripts: templates and their versions, generated scripts and what became of them.

A secret passes through here once: into the text that the caller answers with. It is not stored, audited or logged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.debug import sensitive_variables

from flowpilot.accounts.models import Account, User
from flowpilot.common.audit import audit_record
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from sessions.models.session import AISession
from sessions.runner.lock import session_lock
from sessions.runner.steps import script_step_add, script_step_answer
from sessions.scripts.access import ADD, CHANGE, GENERATE, may_run
from sessions.scripts.models import ROLE_RANKS, GeneratedScript, ScriptTemplate, ScriptTemplateVersion
from sessions.scripts.parameters import Fault, Shell, read_parameters
from sessions.scripts.render import Rendered, RenderError, check_template, render
from sessions.scripts.scan import tidy_body

Status = ScriptTemplate.Status
LIMITS = {"title": 200, "problem_domain": 100, "keywords": 500, "what_it_does": 2_000, "note": 2_000}


class InvalidTemplate(InvalidInput):
    """A template that cannot be saved; `faults` holds all that is wrong, with line and column where it has one."""

    code = "invalid_template"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults[:3]), details=[fault.to_json() for fault in faults])
        self.faults = list(faults)


class InvalidValues(InvalidInput):
    """Values that a template does not take; `faults` names the parameter of each."""

    code = "invalid_values"

    def __init__(self, faults: Sequence[Fault]) -> None:
        told = "; ".join(f"{fault.field}: {fault}" for fault in faults[:3])
        super().__init__(told, details={"values": {fault.field: str(fault) for fault in faults}})
        self.faults = list(faults)


@dataclass(frozen=True, slots=True)
class Content:
    """What a version says. `parameters` is a list of `parameters.Parameter` as JSON objects."""

    what_it_does: str
    body: str
    parameters: list[dict[str, Any]]
    risk: str
    minimum_role: str = "technician"


@dataclass(frozen=True, slots=True)
class Finding:
    """What finds a template: its title, and the problems that it helps with."""

    title: str
    problem_domain: str = ""
    keywords: str = ""


def content_faults(shell: str, content: Content) -> list[Fault]:
    """Everything that is wrong with a version; nothing is written."""
    faults = []
    if content.risk not in ScriptTemplateVersion.Risk.values:
        faults.append(Fault("risk", f"choose one of {', '.join(ScriptTemplateVersion.Risk.values)}"))
    if content.minimum_role not in ROLE_RANKS:
        faults.append(Fault("minimum_role", f"choose one of {', '.join(ROLE_RANKS)}"))
    if not content.what_it_does.strip():
        faults.append(Fault("what_it_does", "say what it does: who runs it wants to know"))
    if len(content.what_it_does) > LIMITS["what_it_does"]:
        faults.append(Fault("what_it_does", f"at most {LIMITS['what_it_does']} characters"))
    if shell not in list(Shell):
        return [*faults, Fault("shell", f"choose one of {', '.join(Shell)}")]
    parameters, wrong = read_parameters(content.parameters)
    return [*faults, *(wrong or check_template(Shell(shell), tidy_body(content.body), parameters))]


@transaction.atomic
def template_create(
    *,
    actor: User | None,
    account: Account | None,
    finding: Finding,
    shell: str,
    content: Content,
    key: str = "",
    owner: User | None = None,
    note: str = "",
) -> ScriptTemplateVersion:
    """A draft with version 1; without an account it is everybody's. Without `key` one is made from the title.

    Raises NotAllowed, InvalidTemplate, Conflict (the key is taken).
    """
    template = ScriptTemplate(account=account, shell=shell, owner=owner or actor)
    if actor is not None and not actor.has_perm(ADD, template):
        raise NotAllowed("only team admins and owners add templates to their account")
    _require_valid(shell, content, finding)
    _take(template, finding)
    template.key = key or _free_key(account, finding.title)
    try:
        with transaction.atomic():
            template.save()
    except IntegrityError as error:
        raise Conflict(f"the key {template.key} belongs to another template") from error
    version = _add_version(actor, template, content, note)
    _audit(actor, "script_template.created", template, after={"key": template.key, "version": 1})
    return version


@transaction.atomic
def template_version_publish(
    *,
    actor: User | None,
    template_id: int,
    base_number: int,
    finding: Finding,
    content: Content,
    note: str = "",
) -> ScriptTemplateVersion:
    """The next version, made from version `base_number`. It is a draft until somebody approves it.

    Raises NotFound, NotAllowed, InvalidTemplate, Conflict where the template has moved on since that version.
    """
    template = _lock(actor, template_id)
    _require_current(template, base_number)
    _require_valid(template.shell, content, finding)
    before = {"version": base_number, "status": template.status}
    _take(template, finding)
    template.status = Status.DRAFT
    version = _add_version(actor, template, content, note)
    after = {"version": version.number, "status": template.status}
    _audit(actor, "script_template.published", template, before=before, after=after, reason=note)
    return version


def template_approve(*, actor: User | None, template_id: int, number: int) -> ScriptTemplate:
    """Let technicians run version `number`, the current one, as it was read. Raises NotFound, NotAllowed, Conflict."""
    return _set_status(actor, template_id, Status.APPROVED, number=number)


def template_retire(*, actor: User | None, template_id: int, reason: str) -> ScriptTemplate:
    """Offer it to nobody any more; what was generated stays. Raises NotFound, NotAllowed, InvalidInput, Conflict."""
    if not reason.strip():
        raise InvalidInput("say why it is retired", details={"reason": "This field may not be blank."})
    return _set_status(actor, template_id, Status.RETIRED, reason=reason.strip())


@sensitive_variables("values", "rendered")
@transaction.atomic
def script_generate(
    *,
    actor: User,
    template_id: int,
    number: int,
    values: Mapping[str, object],
    session_id: int | None = None,
    node_id: str = "",
    confirmed: bool = False,
) -> tuple[GeneratedScript, Rendered]:
    """The script of an approved template's version `number` and these values, and the row that is kept of it.

    `rendered.text` is what runs, for the answer only. A session that is worked here has it as a step, by the title. A
    destructive template needs `confirmed`. Raises NotFound, NotAllowed (the template's role), InvalidValues,
    InvalidInput (not confirmed), Conflict (not approved, changed since it was read, or the session has ended).
    """
    template = _usable(actor, template_id, number)
    session = _open_session(actor, session_id)
    account_id = session.account_id if session else actor.only_account().pk
    version: Any = template.current_version
    if template.account_id not in (None, account_id):
        raise NotFound("there is no such script template in this account")
    script = GeneratedScript(
        account_id=account_id,
        team_id=session.team_id if session else None,
        template_version=version,
        session=session,
        node_id=node_id[:100].replace("\0", ""),
        created_by=actor,
    )
    if not (actor.has_perm(GENERATE, script) and may_run(actor, account_id, version.minimum_role)):
        needed = version.get_minimum_role_display().lower()
        raise NotAllowed(f"{template.title} may be generated by a {needed} and upwards")
    if version.is_destructive and not confirmed:
        raise InvalidInput("confirm that you have read what it destroys", details={"confirmed": "This is required."})
    try:
        rendered = render(Shell(template.shell), version.body, version.read_parameters, values)
    except RenderError as error:
        raise InvalidValues(error.faults) from None  # the values are in the other one's frames
    script.parameters, script.text = rendered.masked, rendered.kept
    if session is not None and session.is_worked_here:
        script.step = script_step_add(session, template.title, [str(label) for label in GeneratedScript.Outcome.labels])
    script.save()
    after = {"template": template.key, "version": number, "parameters": rendered.masked, "risk": version.risk}
    audit_record(actor=actor, action="script.generated", target=script, after=after)
    return script, rendered


@transaction.atomic
def script_outcome_report(*, actor: User, script_id: int, outcome: str) -> GeneratedScript:
    """Say what came of a script, in the session's record too; saying it again corrects it.

    Raises NotFound, NotAllowed, InvalidInput.
    """
    rows: Any = GeneratedScript.objects.for_user(actor).filter(pk=script_id)
    # The session's row first, as everything does that changes a session: two locks are always taken in one order.
    session = AISession.objects.filter(pk__in=rows.values("session")).select_for_update().first()
    rows = rows.select_related("template_version__template", "step").select_for_update(of=("self",))
    script: GeneratedScript | None = rows.first()
    if script is None:
        raise NotFound("there is no such script")
    if not actor.has_perm("ai_sessions.change_generatedscript", script):
        raise NotAllowed("only who works sessions reports what came of a script")
    if outcome not in GeneratedScript.Outcome.values:
        raise InvalidInput(
            f"choose one of {', '.join(GeneratedScript.Outcome.values)}", details={"outcome": "Choose an outcome."}
        )
    before = {"outcome": script.outcome}
    script.outcome, script.outcome_at, script.outcome_by = outcome, timezone.now(), actor
    script.save(update_fields=["outcome", "outcome_at", "outcome_by"])
    if session is not None and script.step is not None:
        script_step_answer(session, script.step, script.get_outcome_display())
    audit_record(actor=actor, action="script.reported", target=script, before=before, after={"outcome": outcome})
    return script


def _usable(actor: User, template_id: int, number: int) -> ScriptTemplate:
    rows: Any = ScriptTemplate.objects.for_user(actor).select_related("current_version")
    template: ScriptTemplate | None = rows.filter(pk=template_id).first()
    if template is None:
        raise NotFound("there is no such script template")
    if template.status != Status.APPROVED:
        raise Conflict(f"{template.title} is {template.get_status_display().lower()}: only approved ones are generated")
    _require_current(template, number)
    return template


def _open_session(actor: User, session_id: int | None) -> AISession | None:
    if session_id is None:
        return None
    session = AISession.objects.for_user(actor).filter(pk=session_id).first()
    if session is None:
        raise NotFound("there is no such session")
    if session.is_worked_here:
        session = session_lock(actor, session_id, None)
    if session.status in AISession.ENDED:
        raise Conflict(f"the session is {session.get_status_display().lower()}: it takes no more scripts")
    return session


@transaction.atomic
def _set_status(
    actor: User | None, template_id: int, status: str, *, number: int | None = None, reason: str = ""
) -> ScriptTemplate:
    template = _lock(actor, template_id)
    if number is not None:
        _require_current(template, number)
    if template.status == status:
        raise Conflict(f"{template.title} is {template.get_status_display().lower()} already")
    before = {"status": template.status}
    template.status = status
    template.save(update_fields=["status", "updated_at"])
    _audit(actor, f"script_template.{status}", template, before=before, after={"status": status}, reason=reason)
    return template


def _lock(actor: User | None, template_id: int) -> ScriptTemplate:
    rows: Any = ScriptTemplate.objects.for_user(actor) if actor is not None else ScriptTemplate.objects.all()
    # The queryset of what is seen is a union of conditions on one table: the row itself is locked.
    template: ScriptTemplate | None = (
        rows.select_for_update(of=("self",)).select_related("current_version").filter(pk=template_id).first()
    )
    if template is None:
        raise NotFound("there is no such script template")
    if actor is not None and not actor.has_perm(CHANGE, template):
        whose = "a global template is the platform's" if template.is_global else "only team admins and owners change it"
        raise NotAllowed(whose)
    return template


def _require_current(template: ScriptTemplate, number: int) -> None:
    current = template.current_version.number if template.current_version else 0
    if current != number:
        raise Conflict(
            f"{template.title} is at version {current} now; you had version {number} before you",
            details={"current_version": current, "base_version": number},
        )


def _require_valid(shell: str, content: Content, finding: Finding) -> None:
    faults = [] if finding.title.strip() else [Fault("title", "a template needs a title")]
    for name in ("title", "problem_domain", "keywords"):
        value = getattr(finding, name)
        if len(value) > LIMITS[name]:
            faults.append(Fault(name, f"at most {LIMITS[name]} characters"))
        if any(ord(char) < 32 for char in value):
            faults.append(Fault(name, "no line breaks or control characters here"))
    if faults := [*faults, *content_faults(shell, content)]:
        raise InvalidTemplate(faults)


def _take(template: ScriptTemplate, finding: Finding) -> None:
    template.title = finding.title.strip()
    template.problem_domain, template.keywords = finding.problem_domain.strip(), finding.keywords.strip()


def _add_version(actor: User | None, template: ScriptTemplate, content: Content, note: str) -> ScriptTemplateVersion:
    number = template.current_version.number + 1 if template.current_version else 1
    parameters, _ = read_parameters(content.parameters)
    version = ScriptTemplateVersion.objects.create(
        account_id=template.account_id,
        template=template,
        number=number,
        what_it_does=content.what_it_does.strip(),
        body=tidy_body(content.body),
        parameters=[parameter.model_dump(mode="json", exclude_defaults=True) for parameter in parameters],
        risk=content.risk,
        minimum_role=content.minimum_role,
        note=note.strip()[: LIMITS["note"]],
        created_by=actor,
    )
    template.current_version = version
    template.save()
    return version


def _free_key(account: Account | None, title: str) -> str:
    stem = slugify(title)[:80] or "script"
    taken = set(ScriptTemplate.objects.filter(account=account, key__startswith=stem).values_list("key", flat=True))
    return next(key for n in range(1, len(taken) + 2) if (key := stem if n == 1 else f"{stem}-{n}") not in taken)


def _audit(actor: User | None, action: str, template: ScriptTemplate, **said: Any) -> None:
    # Audit events are an account's; a global template is changed by the platform, whose log is its deployment.
    if template.account_id is not None:
        audit_record(actor=actor, action=action, target=template, **said)
