"""The files of docs/examples stay true: what they name exists, and they start what the Procfile starts."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from prometheus_client import CollectorRegistry

from flowpilot.common.requestmetrics import own
from flowpilot.watch import State

EXAMPLES = Path(settings.BASE_DIR) / "docs" / "examples"
UNITS = sorted((EXAMPLES / "systemd").glob("*.service"))
PROCFILE = dict(line.split(": ", 1) for line in (Path(settings.BASE_DIR) / "Procfile").read_text().splitlines() if line)

LOOK = """
import django
django.setup()
from django.conf import settings as s
from django.core.management import call_command
call_command("check", deploy=True, fail_level="INFO")
print(s.DATABASES["default"]["OPTIONS"]["sslmode"], s.EMAIL_HOST, s.EMAIL_USE_TLS, s.SITE_URL)
"""


def environment_file() -> dict[str, str]:
    """As a shell reads it."""
    lines = shlex.split((EXAMPLES / "flowpilot.env").read_text(), comments=True)
    return dict(line.split("=", 1) for line in lines)


def documented() -> set[str]:
    rows = re.findall(r"^\| (`.*?) \|", (Path(settings.BASE_DIR) / "docs" / "settings.md").read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}


def read_by_settings() -> set[str]:
    files = (Path(settings.BASE_DIR) / "flowpilot" / "settings").glob("*.py")
    text = "".join(path.read_text() for path in files)
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', text))


def without_defaults(command: str) -> str:
    """A command with its settings' names alone: `${PORT:-8000}` as `${PORT}`."""
    return re.sub(r"\$\{(\w+):-[^}]*\}", r"${\1}", command)


def plain(command: str) -> str:
    """A command without the numbers and addresses that differ between ways to start it."""
    return re.sub(r"(--(?:bind|workers|concurrency)) \S+", r"\1 …", command)


def commands_of(text: str) -> list[str]:
    return re.findall(r"manage\.py (\w+)", text)


def test_each_setting_that_is_named_exists() -> None:
    named = environment_file().keys()
    assert named <= documented()
    elsewhere = {"HOST", "PORT", "WEB_CONCURRENCY", "WORKER_CONCURRENCY", "SAMPLE_SESSIONS"}
    assert documented() - read_by_settings() == elsewhere, "read by the Procfile and the sample account alone"
    assert read_by_settings() <= documented(), "docs/settings.md lists every setting"


def test_the_settings_start_with_the_example(tmp_path: Path) -> None:
    """As they are but for the secrets and the folder; Django's own checks for production find nothing to say."""
    seal = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    given = {
        **environment_file(),
        "SECRET_KEY": "k" * 25 + "0123456789" * 3,
        "SEAL_KEY": seal,
        "VAR_DIR": str(tmp_path),
    }
    told = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "flowpilot.settings", **given},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-1] == "verify-full mail.example True https://flowpilot.example"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.stem))
def test_units_start_what_the_procfile_starts(unit: Path) -> None:
    [started] = re.findall(r"^ExecStart=/opt/flowpilot/\.venv/bin/(.*)$", unit.read_text(), re.MULTILINE)
    assert started == without_defaults(PROCFILE[unit.stem.removeprefix("flowpilot-")])
    assert set(re.findall(r"\$\{(\w+)\}", started)) <= environment_file().keys(), "systemd knows no defaults"
    assert (Path(sys.executable).parent / started.split()[0]).exists()


def test_there_is_a_unit_for_each_process() -> None:
    assert {unit.stem for unit in UNITS} == {f"flowpilot-{name}" for name in PROCFILE}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here to look at its units")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        here = unit.read_text().replace("/opt/flowpilot/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / unit.name).write_text(here.replace("/opt/flowpilot", str(settings.BASE_DIR)))
    verify = ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in UNITS)]
    told = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    (tmp_path / UNITS[0].name).write_text("[Service]\nExecStart=/nowhere\nTyp=notify\n")
    told = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert "Typ" in told.stderr, "it does look"


def test_containers_start_what_the_procfile_starts() -> None:
    compose: Any = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
    services = compose["services"]
    for name in ("worker", "beat"):
        assert plain(" ".join(services[name]["command"])) == plain(without_defaults(PROCFILE[name]))
    containerfile = (EXAMPLES / "Containerfile").read_text()
    command = " ".join(re.findall(r'"([^"]+)"', containerfile.split("\nCMD ", 1)[1]))
    assert plain(command) == plain(without_defaults(PROCFILE["web"]))
    for service in services.values():
        waits: dict[str, Any] = service.get("depends_on", {})
        assert waits.keys() <= services.keys()
    ours = [service for service in services.values() if service.get("image") == "flowpilot"]
    assert len(ours) == 4
    assert {name for service in ours for name in service["environment"]} <= documented()
    copied = re.findall(r"^COPY (\S+)", containerfile, re.MULTILINE)
    assert all((Path(settings.BASE_DIR) / name).exists() for name in copied)
    assert {"flowpilot", "sessions", "proposals", "analytics", "templates", "manage.py"} <= set(copied)


def test_the_proxy_tells_what_the_settings_believe() -> None:
    nginx = (EXAMPLES / "nginx.conf").read_text()
    # As Django reads it: HTTP_X_FORWARDED_PROTO.
    for header in (
        "Host $host",
        "X-Forwarded-Proto $scheme",
        "X-Forwarded-For $proxy_add_x_forwarded_for",
        "X-Request-ID",
    ):
        assert f"proxy_set_header {header}" in nginx
    size, of_ingest_jobs = map(int, re.findall(r"client_max_body_size (\d+)m;", nginx))
    assert size * 1024 * 1024 > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert of_ingest_jobs == settings.INGEST_MAX_MB


@pytest.mark.django_db
def test_each_alert_s_metric_is_exported() -> None:
    rules: Any = yaml.safe_load((EXAMPLES / "prometheus-alerts.yaml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    state = CollectorRegistry()
    state.register(State())
    exported = {metric.name for metric in (*state.collect(), *own.collect())}
    for alert in alerts:
        names = set(re.findall(r"flowpilot_\w+", alert["expr"]))
        families = {re.sub(r"_(count|bucket|sum)$", "", name) for name in names}
        assert families <= exported, alert["alert"]
        assert names or "up{" in alert["expr"]
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert {"summary", "action"} <= alert["annotations"].keys()


def test_each_command_that_operations_names_exists() -> None:
    from django.core.management import get_commands

    text = (EXAMPLES.parent / "operations.md").read_text()
    named = set(commands_of(text)) | set(commands_of((EXAMPLES / "compose.yaml").read_text()))
    assert {"migrate", "collectstatic"} <= named
    assert named <= get_commands().keys()


def test_each_example_is_in_the_guide() -> None:
    text = (EXAMPLES.parent / "operations.md").read_text()
    for path in EXAMPLES.rglob("*"):
        assert path.is_dir() or f"examples/{path.relative_to(EXAMPLES)}" in text or path in UNITS, path.name
    for link in re.findall(r"\]\((examples/[^)]+)\)", text):
        assert (EXAMPLES.parent / link).exists(), link
