"""A client that is generated from the schema goes the whole way against the live server, from a session to its flow."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from flowpilot.accounts.apikeys import api_key_create
from flowpilot.accounts.roles import Role
from proposals.analysis.run import analyze_account
from tests.conftest import Cast

BIN = Path(sys.executable).parent
PACKAGE = "generated_flowpilot"
# Bodies of a line a record are bytes to the client: the generator knows JSON and forms only.
CONFIG = {"content_type_overrides": {"application/x-ndjson": "application/octet-stream"}, "post_hooks": []}


@pytest.fixture(scope="module")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("client")
    schema, config = folder / "schema.json", folder / "config.json"
    call_command("spectacular", api_version="v1", format="openapi-json", file=str(schema))
    config.write_text(json.dumps(CONFIG))
    command = [
        str(BIN / "openapi-python-client"), "generate", "--path", str(schema), "--config", str(config),
        "--meta", "none", "--output-path", str(folder / PACKAGE), "--fail-on-warning",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    sys.path.remove(str(folder))


def record(number: int) -> dict[str, Any]:
    return {
        "external_id": f"HD-{number}",
        "status": "resolved",
        "title": "Scanner does not send mail",
        "problem_summary": "The scanner says that it cannot send the mail",
        "resolution_summary": "The password of its mailbox was new",
        "steps": [
            {"kind": "question", "prompt": "Has its password changed?", "options": ["Yes"], "selected_option": "Yes"},
            {"kind": "action", "prompt": "Enter the new password at the scanner", "response": "It sends again"},
        ],
    }


@pytest.mark.django_db(transaction=True)
def test_the_whole_way(cast: Cast, live_server: Any, client_package: Any) -> None:
    _, key = api_key_create(actor=cast.olivia, account=cast.account, name="Client", role=Role.TEAM_ADMIN)
    # No kept connection, which would hold the server's thread beyond the test.
    client = client_package("client").AuthenticatedClient(
        base_url=live_server.url, token=key, headers={"Connection": "close"}
    )
    models, sent = client_package("models"), client_package("types")

    def call(name: str, *arguments: Any, answered: int = 200, **parameters: Any) -> Any:
        answer = client_package(f"api.{name}").sync_detailed(*arguments, client=client, **parameters)
        assert answer.status_code == answered, answer.content
        return answer

    records = [models.SessionRecord.from_dict(record(n)) for n in range(8)]
    taken = call("sessions.sessions_create", body=records, answered=201).parsed
    assert [result.outcome for result in taken.results] == ["imported"] * 8
    lines = "\n".join(json.dumps(record(n)) for n in range(7, 10)).encode()
    job = call("ingest_jobs.ingest_jobs_create", body=sent.File(payload=lines), answered=202).parsed
    assert job.lines == 3

    told = models.StartRequest(problem="Cannot send the scan")
    started = call("sessions.sessions_start", body=told, answered=201).parsed
    step = models.NewStepRequest(prompt="Restart the scanner", revision=started.revision)
    stepped = call("sessions.sessions_add_step", started.id, body=step).parsed
    solved = models.ResolveRequest(summary="Restarted", revision=stepped.revision)
    assert call("sessions.sessions_resolve", started.id, body=solved).parsed.status == "resolved"

    analyze_account(cast.account.pk)
    [found] = call("proposals.proposals_list", status=models.ProposalsListStatus.PENDING).parsed.results
    shown = call("proposals.proposals_retrieve", found.id)
    assert shown.parsed.title == found.title
    decided = call(
        "proposals.proposals_approve",
        found.id,
        body=models.DecisionRequest(revision=shown.parsed.revision),
        if_match=shown.headers["ETag"],
    ).parsed
    assert decided.status == "approved"

    problem = models.ProblemTextRequest(problem="our scanner cannot send mail")
    [match, *_] = call("flows.flows_search", body=problem).parsed.matches
    assert (match.flow, match.title) == (decided.published_flow, found.title)
    root = call("flows.flows_walk", match.flow, body=models.WalkRequest()).parsed
    assert not root.is_end
