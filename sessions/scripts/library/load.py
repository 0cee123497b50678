"""Puts the library into the database; what has not changed is left as it is."""

from collections.abc import Iterable

from django.db import transaction

from sessions.scripts.library.entry import Entry
from sessions.scripts.models import ScriptTemplate
from sessions.scripts.parameters import read_parameters
from sessions.scripts.scan import tidy_body
from sessions.scripts.services import (
    Content,
    Finding,
    template_approve,
    template_create,
    template_version_publish,
)


@transaction.atomic
def library_load(*, entries: Iterable[Entry]) -> tuple[int, int]:
    """Add what is missing and publish a new version of what has changed; gives how many of each.

    A retired template stays retired as long as its text is the same. Raises InvalidTemplate for a faulty entry.
    """
    known = {
        template.key: template
        for template in ScriptTemplate.objects.filter(account=None).select_related("current_version")
    }
    added = changed = 0
    for entry in entries:
        template = known.get(entry.key)
        if template is None:
            finding, content = _said(entry)
            version = template_create(
                actor=None, account=None, finding=finding, shell=entry.shell, content=content, key=entry.key
            )
            template_approve(actor=None, template_id=version.template_id, number=1)
            added += 1
        elif _differs(template, entry):
            _publish(template, entry)
            changed += 1
    return added, changed


def _publish(template: ScriptTemplate, entry: Entry) -> None:
    finding, content = _said(entry)
    base = template.current_version.number if template.current_version else 0
    version = template_version_publish(
        actor=None, template_id=template.pk, base_number=base, finding=finding, content=content, note="From the library"
    )
    template_approve(actor=None, template_id=template.pk, number=version.number)


def _said(entry: Entry) -> tuple[Finding, Content]:
    finding = Finding(entry.title, entry.domain, entry.keywords)
    return finding, Content(entry.what_it_does, entry.body, entry.parameters, entry.risk, entry.minimum_role)


def _differs(template: ScriptTemplate, entry: Entry) -> bool:
    version = template.current_version
    if version is None:
        return True
    stored = (template.title, template.problem_domain, template.keywords, version.what_it_does, version.risk)
    wanted = (entry.title, entry.domain, entry.keywords, entry.what_it_does.strip(), entry.risk)
    if stored != wanted or version.minimum_role != entry.minimum_role:
        return True
    parameters, _ = read_parameters(entry.parameters)
    return version.body != tidy_body(entry.body) or version.read_parameters != parameters
