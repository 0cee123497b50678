"""API keys: kept hashed, shown once, ended at once, and never more than their account and role."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from flowpilot.accounts.models import ApiKey
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import api_key_authenticate, api_key_create, api_key_revoke
from flowpilot.common.errors import NotAllowed
from flowpilot.common.models import AuditEvent
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import make_proposal, make_session, record

SESSIONS = "/api/v1/sessions/"


def bearer(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


@pytest.fixture
def key(cast: Cast) -> tuple[ApiKey, str]:
    return api_key_create(actor=cast.olivia, account=cast.account, name="Ticket bridge")


def test_only_a_hash_is_kept(key: tuple[ApiKey, str]) -> None:
    row, text = key
    secret = text.rpartition("_")[2]
    assert len(secret) == 64
    kept = ApiKey.objects.filter(pk=row.pk).values().get()
    assert all(secret not in str(value) for value in kept.values())
    event = AuditEvent.objects.get(action="api_key.created")
    assert secret not in f"{event.before} {event.after} {event.object_label}"


def test_the_admin_shows_the_key_once(cast: Cast, login: Any) -> None:
    olivia = login(cast.olivia)
    form = {"account": cast.account.pk, "name": "Bridge", "role": "service", "expires_at_0": "", "expires_at_1": ""}
    response = olivia.post(reverse("admin:accounts_apikey_add"), form, follow=True)
    [message] = [str(m) for m in response.context["messages"] if "Copy this key" in str(m)]
    text = message.rpartition(" ")[2]
    assert bearer(text).get(SESSIONS).status_code == 200
    row = ApiKey.objects.get(name="Bridge")
    for page in ("changelist", "change"):
        args = [row.pk] if page == "change" else []
        assert (
            text.rpartition("_")[2]
            not in olivia.get(reverse(f"admin:accounts_apikey_{page}", args=args)).content.decode()
        )


def test_a_key_that_would_never_work_is_refused(cast: Cast, login: Any) -> None:
    form = {
        "account": cast.account.pk,
        "name": "Late",
        "role": "service",
        "expires_at_0": "2020-01-01",
        "expires_at_1": "00:00",
    }
    response = login(cast.olivia).post(reverse("admin:accounts_apikey_add"), form)
    assert response.context["adminform"].form.errors == {
        "expires_at": ["This time has passed: the key would never work."]
    }
    assert not ApiKey.objects.exists()


def test_only_owners_make_and_revoke_keys(cast: Cast, key: tuple[ApiKey, str]) -> None:
    for actor in (cast.alice, cast.bob, cast.carol, cast.sam, cast.mallory):
        with pytest.raises(NotAllowed, match="only an owner"):
            api_key_create(actor=actor, account=cast.account, name="mine")
        with pytest.raises(NotAllowed, match="only an owner"):
            api_key_revoke(actor=actor, key=key[0])
    assert ApiKey.objects.get().revoked_at is None


def test_it_acts_in_its_account_and_role_only(cast: Cast, key: tuple[ApiKey, str]) -> None:
    own, proposal = make_session(cast.account), make_proposal(cast.account, sessions=0)
    foreign = make_session(cast.other_account)
    client = bearer(key[1])
    assert [row["id"] for row in client.get(SESSIONS).json()["results"]] == [own.pk]
    assert client.get(f"{SESSIONS}{foreign.pk}/").status_code == 404
    assert client.post(f"{SESSIONS}?account=contoso", record(), format="json").status_code == 404
    assert client.post(SESSIONS, record("K-1"), format="json").status_code == 201
    assert AISession.objects.get(external_id="K-1").account == cast.account
    decision = client.post(f"/api/v1/proposals/{proposal.pk}/dismiss/", {"revision": 1}, format="json")
    assert (decision.status_code, decision.json()["code"]) == (403, "permission_denied")


def test_a_key_of_another_role(cast: Cast) -> None:
    _, text = api_key_create(actor=cast.olivia, account=cast.account, name="Reports", role=Role.ANALYST)
    client = bearer(text)
    assert client.get("/api/v1/metrics/summary/").status_code == 200
    assert client.post(SESSIONS, record(), format="json").status_code == 403


def revoke(row: ApiKey, cast: Cast) -> None:
    api_key_revoke(actor=cast.olivia, key=row)


def expire(row: ApiKey, cast: Cast) -> None:
    ApiKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def switch_off(row: ApiKey, cast: Cast) -> None:
    type(row.membership.user).objects.filter(pk=row.membership.user_id).update(is_active=False)


@pytest.mark.parametrize("end", [revoke, expire, switch_off])
def test_it_can_be_ended(cast: Cast, key: tuple[ApiKey, str], end: Callable[[ApiKey, Cast], None]) -> None:
    row, text = key
    assert bearer(text).get(SESSIONS).status_code == 200
    end(row, cast)
    response = bearer(text).get(SESSIONS)
    assert response.status_code == 401
    told = response.json()
    assert (told["code"], told["detail"]) == (
        "authentication_failed",
        "This API key is unknown, expired or revoked.",
    )


def test_revoking_twice_keeps_the_first_time(cast: Cast, key: tuple[ApiKey, str]) -> None:
    api_key_revoke(actor=cast.olivia, key=key[0])
    first = ApiKey.objects.get().revoked_at
    api_key_revoke(actor=cast.olivia, key=key[0])
    assert ApiKey.objects.get().revoked_at == first
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda mark, account, prefix, secret: f"{mark}_{account}_{prefix}_{'0' * 64}",
        lambda mark, account, prefix, secret: f"{mark}_{account}_00000000_{secret}",
        lambda mark, account, prefix, secret: f"{mark}_{int(account) + 1}_{prefix}_{secret}",
        lambda mark, account, prefix, secret: f"xx_{account}_{prefix}_{secret}",
        lambda mark, account, prefix, secret: f"{mark}_{account}_{prefix}_{secret}_more",
        lambda mark, account, prefix, secret: f"{mark}_{'9' * 30}_{prefix}_{secret}",
        lambda mark, account, prefix, secret: f"{mark}_²_{prefix}_{secret}",
        lambda mark, account, prefix, secret: f"{mark}_{account}_a\0b_{secret}",
        lambda mark, account, prefix, secret: "garbage",
        lambda mark, account, prefix, secret: "",
    ],
)
def test_garbage_opens_nothing(key: tuple[ApiKey, str], spoil: Callable[..., str]) -> None:
    assert api_key_authenticate(spoil(*key[1].split("_"))) is None


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "bearer \xff\xfe", "Bearer fp_1_2_3"])
def test_a_bad_header_is_401_in_plain_words(cast: Cast, header: str) -> None:
    response = APIClient().get(SESSIONS, HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    told = response.json()
    assert (told["code"], told["detail"]) == (
        "authentication_failed",
        "This API key is unknown, expired or revoked.",
    )


def test_a_bad_key_beside_a_log_in_is_refused(cast: Cast) -> None:
    """A caller who means to use a key must not slip through by a cookie."""
    client = APIClient()
    client.force_login(cast.alice)
    assert client.get(SESSIONS).status_code == 200
    assert client.get(SESSIONS, HTTP_AUTHORIZATION="Bearer nonsense").status_code == 401


def test_its_use_is_noted_once_a_minute(key: tuple[ApiKey, str]) -> None:
    row, text = key
    assert row.last_used_at is None
    bearer(text).get(SESSIONS)
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    bearer(text).get(SESSIONS)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    bearer(text).get(SESSIONS)
    noted = ApiKey.objects.get().last_used_at
    assert noted is not None
    assert noted >= first


def test_a_log_in_needs_the_csrf_token(cast: Cast) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    response = client.post(SESSIONS, record(), format="json")
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert "CSRF" in response.json()["detail"]
    assert not AISession.objects.exists()


def test_a_key_needs_no_csrf_token(cast: Cast, key: tuple[ApiKey, str]) -> None:
    client = APIClient(enforce_csrf_checks=True)
    assert client.post(SESSIONS, record(), format="json", HTTP_AUTHORIZATION=f"Bearer {key[1]}").status_code == 201
