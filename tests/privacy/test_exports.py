"""An account's data as a file: whole, without secrets, and good to be imported elsewhere."""

import json
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.models import Account
from flowpilot.common.errors import Conflict, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from flowpilot.flows.models import Flow, FlowVersion
from flowpilot.flows.portable import read_portable
from flowpilot.flows.services import flow_version_publish
from flowpilot.flows.transfer import flow_import_new, flow_import_version
from flowpilot.privacy.exports import (
    export_open,
    export_request,
    export_run,
    exported_fields,
    exported_models,
    exports_expire,
    exports_under_way,
)
from flowpilot.privacy.models import Export
from sessions.ingest.store import sessions_ingest
from sessions.models import AISession
from sessions.portable import record_json
from sessions.records import SessionRecord, read_lines
from sessions.runner.attach import attachment_add
from sessions.runner.ending import session_resolve
from sessions.runner.steps import step_answer
from tests.conftest import Cast
from tests.factories import WEBHOOK_SECRET, definition, make_endpoint, make_flow, make_push, make_session, make_worked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def exported(cast: Cast) -> ZipFile:
    export = export_request(actor=cast.olivia, account=cast.account)
    assert exports_under_way() == [export.pk]
    assert export_run(export.pk)
    _, file = export_open(actor=cast.olivia, export_id=export.pk)
    with file:
        return ZipFile(BytesIO(file.read()))


def filled(cast: Cast) -> None:
    version = make_flow(cast.account, key="vpn")
    flow_version_publish(
        actor=cast.alice, flow=version.flow, base_number=1, definition=definition(yes="Restart the phone"), note="b"
    )
    make_session(cast.account, external_id="plain", flow={"key": "vpn", "version": 1}, team="Desk")
    make_session(
        cast.account, external_id="talk", steps=None, transcript=[{"role": "user", "text": "ümlaut"}], client=None,
        psa={"system": "halopsa", "ticket_id": "7"}, status="abandoned",
    )  # fmt: skip
    session = make_worked(cast.bob, cast.account, FlowVersion.objects.get(number=2))
    at: dict[str, Any] = {"actor": cast.bob, "session_id": session.pk}
    attachment_add(**at, name="a.log", data=b"of the log")
    step_answer(**at, revision=session.revision, node_id="n1", option_id="o1", response="it does")
    session.refresh_from_db()
    session_resolve(**at, revision=session.revision, summary="done")


def test_what_is_exported_can_be_imported_elsewhere(cast: Cast) -> None:
    filled(cast)
    make_session(cast.other_account, external_id="foreign", title="Zyzzyva")
    archive = exported(cast)
    there = Account.objects.create(slug="there", name="There")
    flow = None
    for name in sorted(n for n in archive.namelist() if n.startswith("flows/")):
        portable, faults = read_portable(archive.read(name))
        assert not faults
        assert portable is not None
        if flow is None:
            flow = flow_import_new(actor=None, account=there, portable=portable).flow
        else:
            flow_import_version(actor=None, flow_id=flow.pk, base_number=1, portable=portable)
    records = [line.record for line in read_lines(BytesIO(archive.read("sessions.jsonl")))]
    assert all(records)
    good: list[SessionRecord] = [record for record in records if record]
    results = sessions_ingest(actor=None, account=there, records=good)
    assert [result.outcome for result in results] == ["imported"] * 3

    def flows(account: Account) -> list[Any]:
        rows = FlowVersion.objects.filter(account=account).order_by("number")
        return list(rows.values_list("flow__key", "number", "definition"))

    def sessions(account: Account) -> list[Any]:
        return [record_json(session) for session in AISession.objects.filter(account=account).order_by("external_id")]

    assert flows(there) == flows(cast.account)
    assert len(flows(there)) == 2
    assert sessions(there) == sessions(cast.account)


def test_every_table_is_there_with_its_fields_and_no_row_of_others(cast: Cast) -> None:
    filled(cast)
    make_session(cast.other_account, external_id="foreign", title="Zyzzyva")
    archive = exported(cast)
    about = json.loads(archive.read("about.json"))
    assert (about["format"], about["format_version"], about["account"]["slug"]) == ("flowpilot-export", 1, "northwind")
    for model in exported_models():
        name = f"tables/{model._meta.label_lower}.ndjson"
        rows = [json.loads(line) for line in archive.read(name).splitlines()]
        assert about["counts"][name] == len(rows)
        assert about["fields"][name] == exported_fields(model)
        assert all(list(row) == exported_fields(model) for row in rows)
    assert len([json.loads(line) for line in archive.read("tables/ai_sessions.sessionstep.ndjson").splitlines()]) == 3
    assert [archive.read(n) for n in archive.namelist() if n.startswith("files/")] == [b"of the log"]
    whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Zyzzyva" not in whole
    assert b"mallory" not in whole


def test_no_secret_is_in_it(cast: Cast) -> None:
    key, text = api_key_create(actor=cast.olivia, account=cast.account, name="k")
    endpoint = make_endpoint(cast.account, url="https://hooks.example.com/x?token=hunter2")
    push = make_push(make_session(cast.account))
    archive = exported(cast)
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert "hooks.example.com/x" in whole
    secrets = [text, key.secret_hash, WEBHOOK_SECRET, "hunter2", cast.bob.password, push.marker]
    secrets += [bytes(push.connection.credentials).decode(), bytes(endpoint.secrets).decode()]
    assert [secret for secret in secrets if secret in whole] == []


def test_only_owners_export_and_fetch_their_own(cast: Cast) -> None:
    for name in ("alice", "bob", "carol", "sam", "mallory"):
        with pytest.raises(NotAllowed):
            export_request(actor=getattr(cast, name), account=cast.account)
    export = export_request(actor=cast.olivia, account=cast.account)
    with pytest.raises(Conflict):
        export_request(actor=cast.olivia, account=cast.account)
    export_run(export.pk)
    for name, error in (("alice", NotAllowed), ("mallory", NotFound)):
        with pytest.raises((error, NotFound)):
            export_open(actor=getattr(cast, name), export_id=export.pk)


def test_it_can_be_fetched_for_a_while_only(cast: Cast, login: Any, django_capture_on_commit_callbacks: Any) -> None:
    browser = login(cast.olivia)
    made = browser.post(reverse("admin:privacy_export_add"), {"account": cast.account.pk})
    export = Export.objects.get()
    assert made.url == reverse("admin:privacy_export_change", args=[export.pk])
    assert b"Look again" in browser.get(made.url).content
    export_run(export.pk)
    url = reverse("admin:privacy_export_download", args=[export.pk])
    answer = browser.post(url)
    assert answer["Content-Type"] == "application/zip"
    assert ZipFile(BytesIO(b"".join(answer.streaming_content))).testzip() is None
    assert AuditEvent.objects.filter(action="export.downloaded", actor=cast.olivia).exists()
    export.refresh_from_db()
    name = str(export.file.name)
    assert exports_expire() == 0
    Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        export_open(actor=cast.olivia, export_id=export.pk)
    with django_capture_on_commit_callbacks(execute=True):
        assert exports_expire() == 1
    assert not default_storage.exists(name)
    assert browser.post(url).status_code == 302
    assert Flow.objects.count() == 0


def test_a_file_that_somebody_took_away_is_told(cast: Cast, login: Any) -> None:
    export = export_request(actor=cast.olivia, account=cast.account)
    export_run(export.pk)
    export.refresh_from_db()
    default_storage.delete(str(export.file.name))
    url = reverse("admin:privacy_export_download", args=[export.pk])
    assert "is missing: make a new one" in login(cast.olivia).post(url, follow=True).content.decode()
    assert not AuditEvent.objects.filter(action="export.downloaded").exists()
