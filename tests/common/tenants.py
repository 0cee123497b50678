"""Who may open which address: the tables of the tenant matrix, and the walk that tries them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.urls import reverse

from flowpilot.accounts.models import User
from tests.common.rows import Rows
from tests.conftest import Cast

HOME, FOREIGN, OTHER_TEAM = "Homeland", "Zyzzyva", "Quixotic"
ABSENT = 987_654_321
# As long as the foreign word, and in no row.
ABSENT_WORD = "Yxqvwkj"

EVERYONE = {"olivia", "alice", "bob", "carol", "sam", "tess", "ted", "root"}
READERS = EVERYONE - {"bob"}
# Who may work sessions, and send them.
WORKERS = EVERYONE - {"carol", "ted"}
REVIEWERS = {"olivia", "alice", "tess", "root"}
OWNERS = {"olivia", "root"}
ROOT = {"root"}
OF_ONE_TEAM = {"tess", "ted"}
NOBODY: set[str] = set()


@dataclass(frozen=True)
class Pages:
    """Who may open a model's admin pages. `see` is the list, one row and its history."""

    see: set[str]
    add: set[str]
    change: set[str]
    delete: set[str]


ADMIN = {
    "accounts_account": Pages(EVERYONE, ROOT, OWNERS, ROOT),
    "accounts_team": Pages(EVERYONE, OWNERS, OWNERS, OWNERS),
    "accounts_membership": Pages(REVIEWERS, OWNERS, OWNERS, OWNERS),
    "accounts_user": Pages(REVIEWERS, ROOT, ROOT, ROOT),
    "accounts_apikey": Pages(OWNERS, OWNERS, OWNERS, NOBODY),
    "accounts_datapolicy": Pages(OWNERS, OWNERS, OWNERS, NOBODY),
    "common_auditevent": Pages(REVIEWERS, NOBODY, NOBODY, NOBODY),
    "flows_flow": Pages(EVERYONE, NOBODY, NOBODY, NOBODY),
    "ai_sessions_aisession": Pages(EVERYONE, NOBODY, NOBODY, NOBODY),
    "ai_sessions_client": Pages(EVERYONE, NOBODY, NOBODY, NOBODY),
    "ai_sessions_ingestjob": Pages(WORKERS, NOBODY, NOBODY, NOBODY),
    "ai_sessions_psaconnection": Pages(OWNERS, OWNERS, OWNERS, NOBODY),
    "ai_sessions_psapush": Pages(READERS, NOBODY, NOBODY, NOBODY),
    "ai_sessions_scripttemplate": Pages(EVERYONE, NOBODY, NOBODY, NOBODY),
    "ai_sessions_generatedscript": Pages(EVERYONE, NOBODY, NOBODY, NOBODY),
    "privacy_erasure": Pages(OWNERS, OWNERS, NOBODY, NOBODY),
    "privacy_export": Pages(OWNERS, OWNERS, NOBODY, NOBODY),
    "webhooks_webhookendpoint": Pages(OWNERS, OWNERS, OWNERS, NOBODY),
    "webhooks_webhookdelivery": Pages(OWNERS, NOBODY, NOBODY, NOBODY),
    "llm_languagemodel": Pages(OWNERS, OWNERS, OWNERS, NOBODY),
    "llm_modelcall": Pages(OWNERS, NOBODY, NOBODY, NOBODY),
    "proposals_flowproposal": Pages(READERS, NOBODY, NOBODY, NOBODY),
    "proposals_analysisrun": Pages(READERS, NOBODY, NOBODY, NOBODY),
    "proposals_sessionanalysis": Pages(READERS, NOBODY, NOBODY, NOBODY),
}
# Addresses of one row beside Django's usual ones: the row, who may open them, and what they then get (405 where only
# a POST is answered). Who may see the row but not this gets 403.
ADMIN_OF_ROW = {
    "ai_sessions_ingestjob_results": ("ai_sessions_ingestjob", WORKERS, 200),
    "accounts_apikey_rotate": ("accounts_apikey", OWNERS, 405),
    "ai_sessions_psaconnection_test": ("ai_sessions_psaconnection", OWNERS, 405),
    "webhooks_webhookendpoint_test": ("webhooks_webhookendpoint", OWNERS, 405),
    "webhooks_webhookendpoint_rotate": ("webhooks_webhookendpoint", OWNERS, 405),
    "llm_languagemodel_test": ("llm_languagemodel", OWNERS, 405),
    "privacy_erasure_confirm": ("privacy_erasure", OWNERS, 405),
    "privacy_erasure_cancel": ("privacy_erasure", OWNERS, 405),
    "privacy_export_download": ("privacy_export", OWNERS, 405),
    "flows_flow_diff": ("flows_flow", EVERYONE, 200),
    "flows_flow_export": ("flows_flow", EVERYONE, 200),
    "flows_flow_edit": ("flows_flow", REVIEWERS, 200),
    "flows_flow_roll_back": ("flows_flow", REVIEWERS, 200),
    "flows_flow_archive": ("flows_flow", REVIEWERS, 200),
    "flows_flow_restore": ("flows_flow", REVIEWERS, 200),
    "ai_sessions_scripttemplate_preview": ("ai_sessions_scripttemplate", EVERYONE, 200),
    "ai_sessions_scripttemplate_edit": ("ai_sessions_scripttemplate", REVIEWERS, 200),
    "ai_sessions_scripttemplate_approve": ("ai_sessions_scripttemplate", REVIEWERS, 405),
    "ai_sessions_scripttemplate_retire": ("ai_sessions_scripttemplate", REVIEWERS, 200),
    "proposals_flowproposal_decide": ("proposals_flowproposal", REVIEWERS, 405),
    "proposals_flowproposal_undo": ("proposals_flowproposal", REVIEWERS, 405),
    "proposals_flowproposal_merge": ("proposals_flowproposal", REVIEWERS, 405),
    "proposals_flowproposal_wake": ("proposals_flowproposal", REVIEWERS, 405),
    "proposals_flowproposal_check": ("proposals_flowproposal", REVIEWERS, 405),
    "proposals_flowproposal_draft": ("proposals_flowproposal", REVIEWERS, 405),
    "proposals_flowproposal_discard": ("proposals_flowproposal", REVIEWERS, 405),
    "proposals_flowproposal_claim": ("proposals_flowproposal", REVIEWERS, 405),
    "proposals_flowproposal_presence": ("proposals_flowproposal", READERS, 405),
    "proposals_flowproposal_similar": ("proposals_flowproposal", READERS, 200),
    "proposals_flowproposal_wording": ("proposals_flowproposal", READERS, 200),
    "proposals_flowproposal_evidence": ("proposals_flowproposal", READERS, 200),
    "proposals_flowproposal_replay": ("proposals_flowproposal", READERS, 200),
    "proposals_flowproposal_edit": ("proposals_flowproposal", REVIEWERS, 200),
    "auth_user_password_change": ("accounts_user", ROOT, 200),
}
# Addresses without a row; None is tested by itself below.
ADMIN_OF_SITE = {
    "index": EVERYONE,
    "common_auditevent_csv": REVIEWERS,
    "common_auditevent_ndjson": REVIEWERS,
    "flows_flow_import": REVIEWERS,
    "ai_sessions_scripttemplate_new": REVIEWERS,
    "ai_sessions_scripttemplate_check": None,
    "proposals_flowproposal_notices": REVIEWERS,
    "proposals_flowproposal_views": None,
    "proposals_flowproposal_view": None,
    "password_change": EVERYONE,
    "two_factor": EVERYONE,
    "login_code": None,
    "password_change_done": EVERYONE,
    "jsi18n": EVERYONE,
    "app_list": None,
    "autocomplete": None,
    "view_on_site": None,
    "login": None,
    "logout": None,
}
# Scripts of a session: who may open them, and the row that the address names beside the session.
SCRIPTS: dict[str, tuple[set[str], str | None]] = {
    "scripts:panel": (EVERYONE, None),
    "scripts:form": (EVERYONE - {"carol", "ted", "sam"}, "ai_sessions_scripttemplate"),
    "scripts:generated": (EVERYONE, "ai_sessions_generatedscript"),
}
DASHBOARDS = {
    "analytics:overview": READERS,
    "analytics:coverage": READERS,
    "analytics:flows": READERS,
    "analytics:psa": READERS,
    "analytics:scripts": READERS,
    "analytics:review": READERS,
    "analytics:language_model": READERS,
}
# Dashboards of one row: who may open them, the row, and what else the address names.
DASHBOARDS_OF_ROW: dict[str, tuple[set[str], str, list[int]]] = {
    "analytics:flow": (READERS, "flows_flow", []),
    "analytics:flow_version": (READERS, "flows_flow", [1]),
}
# The rows behind a figure: who may open each kind, and a fact of it.
FIGURES = {
    "sessions": (READERS, "ended"),
    "guided": (READERS, "ended-1"),
    "pushes": (READERS, "pending-attempts-0-kind-note"),
    "scripts": (READERS, "generated-shell-bash"),
    "scripted-sessions": (READERS, "ended-scripts-with"),
    "handovers": (READERS, "given"),
    "waiting-handovers": (READERS, "waiting"),
    "flywheel": (READERS, "resolved"),
    "proposals": (READERS, "pending"),
    "taken-back": (READERS, "undone"),
    "calls": (OWNERS, "asked-purpose-wording"),
}
# Knowledge gaps: the list; who may open one, and what they then get (405 where only a POST is answered).
GAPS = {"gaps:list": READERS}
GAP_PAGES = {"gaps:detail": (READERS, 200), "gaps:propose": (REVIEWERS, 405), "gaps:edit": (REVIEWERS, 405)}
# The technician's pages of a session.
WORK = {"work:home": 200, "work:start": 405, "work:ticket": 405, "work:clients": 200}
WORK_OF_ROW = {
    "work:run": 200, "work:talk": 200, "work:outline": 200, "work:matches": 200, "work:do": 405, "work:files": 405,
    "work:file": 404,
}  # fmt: skip
# Of these, what whoever reads the session may open too.
WORK_TO_READ = {"work:file"}
API_FOR_ALL = {"schema", "docs"}
PLAIN = {"home", "healthz", "readyz", "metrics"}


# Addresses that anybody may open without a log-in; everything else asks for one, or is not there.
OPEN = {
    "/admin/login/",
    "/admin/logout/",
    "/api/v1/docs/",
    "/api/v1/schema/",
    "/healthz",
    "/readyz",
}
# What fills an address in, whoever asks; the row itself does not matter to a stranger.
FILLED = {
    "account_id": "1", "app_label": "flows", "content_type_id": "1", "fact": "ended", "id": "1", "key": "0" * 32,
    "number": "1", "object_id": "1", "pk": "1", "script_pk": "1", "source": "sessions", "template_pk": "1",
    "url": "nothing", "version": "1",
}  # fmt: skip


@dataclass
class World:
    """`home` is a row of every kind of one's own account, `elsewhere` some of another team of it, `foreign` of another
    account. `key` is the text of an API key of the account."""

    cast: Cast
    people: dict[str, User]
    home: Rows
    elsewhere: Rows
    foreign: Rows
    key: str


def told(response: Any, *ids: Any) -> tuple[int, str, str]:
    """What an answer tells, without what differs between any two: `ids`, the request's id and the form's token."""
    raw = b"".join(response) if response.streaming else response.content
    headers = "\n".join(f"{k}: {v}" for k, v in sorted(response.items()) if k not in _OF_ONE_ANSWER)
    return response.status_code, _without(raw.decode(), ids), _without(headers, ids)


def open_address(name: str, *more: Any) -> str:
    """The address with `{}` for the row's id."""
    return reverse(name, args=[ABSENT, *more]).replace(str(ABSENT), "{}")


_OF_ONE_ANSWER = {"Content-Length", "Expires", "Last-Modified", "X-Request-ID"}


def _without(text: str, ids: Iterable[Any]) -> str:
    for one in ids:
        # %3D: an address within an address.
        found = rf"(?:(?<![0-9A-Za-z])|(?<=%3D)){re.escape(str(one))}(?![0-9A-Za-z])"
        text = re.sub(found, "ID", text, flags=re.IGNORECASE)
    # The end of a period that is not over is now.
    text = re.sub(r'"(?:request_id|end)": ?"[^"]*"', "", text)
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", text)


@dataclass
class Walk:
    """Opens addresses as one person and keeps what was not as it should be."""

    client: Any
    name: str
    wrong: list[str]

    def get(self, url: str, expected: int, *, foreign_may_show: bool = False) -> Any:
        return self._check("GET", url, self.client.get(url), expected, foreign_may_show)

    def post(self, url: str, data: Any, expected: int) -> Any:
        return self._check("POST", url, self.client.post(url, data), expected, self.name == "root")

    def alike(
        self, address: str, foreign: Any, absent: Any, expected: int | None, data: Any = None, *, echoes: bool = False
    ) -> None:
        """`{}` of the address is filled with what is foreign and with what never was: one answer to both.

        With `echoes` the page may show again what was asked for. Without `expected` any answer will do.
        """
        urls = address.replace("{}", quote(str(foreign))), address.replace("{}", quote(str(absent)))
        self.alike_urls(urls, expected, [foreign, absent], data, echoes=echoes)

    def alike_urls(
        self, urls: tuple[str, str], expected: int | None, ids: list[Any], data: Any = None, *, echoes: bool = False
    ) -> None:
        """Two addresses that differ in `ids` alone: one answer to both."""
        answers = []
        for url in urls:
            response = self.client.get(url) if data is None else self.client.post(url, data)
            status = response.status_code if expected is None else expected
            self._check("GET" if data is None else "POST", url, response, status, echoes)
            answers.append(told(response, *ids, *(quote(str(one)) for one in ids)))
        if answers[0] != answers[1]:
            self.wrong.append(f"{urls[0]} is not as {urls[1]}: {_difference(*answers)}")

    def _check(self, method: str, url: str, response: Any, expected: int, foreign_may_show: bool) -> Any:
        if response.status_code != expected:
            self.wrong.append(f"{method} {url}: {response.status_code}, not {expected}")
        text = b"".join(response) if response.streaming else response.content
        if not foreign_may_show and self.name != "root" and FOREIGN.lower() in text.decode().lower():
            self.wrong.append(f"{method} {url} shows a foreign word")
        return response


def _difference(one: tuple[int, str, str], other: tuple[int, str, str]) -> str:
    """The first place where they part."""
    for mine, its in zip(one, other, strict=True):
        if mine != its:
            place = next((n for n, (a, b) in enumerate(zip(str(mine), str(its), strict=False)) if a != b), 0)
            near = slice(max(0, place - 40), place + 60)
            return f"“{str(mine)[near]}” is not “{str(its)[near]}”"
    return ""
