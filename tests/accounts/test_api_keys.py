"""API keys: kept hashed, shown once, ended at once, and never more than their account and role."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from flowpilot.accounts.apikeys import (
    LONGEST_GRACE,
    KeyEnded,
    api_key_authenticate,
    api_key_create,
    api_key_revoke,
    api_key_rotate,
)
from flowpilot.accounts.models import ApiKey
from flowpilot.accounts.roles import Role
from flowpilot.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from flowpilot.common.models import AuditEvent
from sessions.models import AISession
from tests.conftest import Cast
from tests.factories import make_proposal, make_session, record

SESSIONS = "/api/v1/sessions/"
UNKNOWN = ("authentication_failed", "This API key is unknown, expired or revoked.")


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
        with pytest.raises(NotFound):
            api_key_revoke(actor=actor, key=key[0])
        with pytest.raises(NotFound):
            api_key_rotate(actor=actor, key_id=key[0].pk)
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


@pytest.mark.parametrize(
    ("end", "words"), [(revoke, "was revoked on"), (expire, "expired on"), (switch_off, "is switched off")]
)
def test_it_can_be_ended(cast: Cast, key: tuple[ApiKey, str], end: Callable[[ApiKey, Cast], None], words: str) -> None:
    """Who has the secret is told why; who guesses at it learns nothing."""
    row, text = key
    assert bearer(text).get(SESSIONS).status_code == 200
    end(row, cast)
    response = bearer(text).get(SESSIONS)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    told = response.json()
    assert told["code"] == "key_ended"
    assert words in told["detail"]
    guess = bearer(text[:-64] + "0" * 64).get(SESSIONS).json()
    assert (guess["code"], guess["detail"]) == UNKNOWN


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
    assert (told["code"], told["detail"]) == UNKNOWN


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


def test_of_two_secrets_both_are_always_compared(
    cast: Cast, key: tuple[ApiKey, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long a refusal takes must not tell whether a key of that prefix is there, nor how near a guess is."""
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("flowpilot.accounts.apikeys.secrets.compare_digest", compare)
    mark, account, prefix, secret = key[1].split("_")
    for text in (key[1], f"{mark}_{account}_{prefix}_{'0' * 64}", f"{mark}_{account}_00000000_{secret}"):
        compared.clear()
        api_key_authenticate(text)
        assert len(compared) == 2


# --- A new secret -----------------------------------------------------------------------------------------------------


def test_the_former_secret_works_for_the_grace_and_then_says_so(cast: Cast, key: tuple[ApiKey, str]) -> None:
    row, former = key
    _, new = api_key_rotate(actor=cast.olivia, key_id=row.pk, grace=timedelta(hours=1))
    assert new != former
    assert [bearer(text).get(SESSIONS).status_code for text in (new, former)] == [200, 200]
    ApiKey.objects.update(previous_until=timezone.now())
    assert bearer(new).get(SESSIONS).status_code == 200
    told = bearer(former).get(SESSIONS).json()
    assert (told["code"], "has a new secret since" in told["detail"]) == ("key_ended", True)
    event = AuditEvent.objects.get(action="api_key.rotated")
    assert new.rpartition("_")[2] not in f"{event.before} {event.after}"


def test_without_a_grace_it_ends_at_once_and_the_one_before_it_always(cast: Cast, key: tuple[ApiKey, str]) -> None:
    row, first = key
    _, second = api_key_rotate(actor=cast.olivia, key_id=row.pk, grace=timedelta(days=7))
    _, third = api_key_rotate(actor=cast.olivia, key_id=row.pk)
    assert bearer(third).get(SESSIONS).status_code == 200
    with pytest.raises(KeyEnded):
        api_key_authenticate(second)
    assert api_key_authenticate(first) is None


def test_what_cannot_be_rotated(cast: Cast, key: tuple[ApiKey, str]) -> None:
    for grace in (LONGEST_GRACE + timedelta(seconds=1), timedelta(seconds=-1)):
        with pytest.raises(InvalidInput, match="up to 7 days"):
            api_key_rotate(actor=cast.olivia, key_id=key[0].pk, grace=grace)
    api_key_revoke(actor=cast.olivia, key=key[0])
    with pytest.raises(Conflict, match="was revoked"):
        api_key_rotate(actor=cast.olivia, key_id=key[0].pk)


def test_it_is_rotated_in_the_admin(cast: Cast, key: tuple[ApiKey, str], login: Any) -> None:
    row, former = key
    olivia, address = login(cast.olivia), reverse("admin:accounts_apikey_rotate", args=[row.pk])
    bad = olivia.post(address, {"grace": "5"}, follow=True)
    assert "choose how long" in str(next(iter(bad.context["messages"])))
    page = olivia.post(address, {"grace": "1"}, follow=True)
    [message] = [str(m) for m in page.context["messages"] if "Copy this key" in str(m)]
    assert [bearer(text).get(SESSIONS).status_code for text in (message.rpartition(" ")[2], former)] == [200, 200]
    api_key_revoke(actor=cast.olivia, key=row)
    refused = olivia.post(address, {"grace": "0"}, follow=True)
    assert "was revoked" in str(next(iter(refused.context["messages"])))


# --- Scopes -----------------------------------------------------------------------------------------------------------


def narrowed(cast: Cast, *scopes: str, role: str = Role.OWNER) -> APIClient:
    return bearer(api_key_create(actor=cast.olivia, account=cast.account, name="Narrow", role=role, scopes=scopes)[1])


def test_a_narrowed_key_does_what_its_scopes_name(cast: Cast) -> None:
    client = narrowed(cast, "sessions:read")
    assert client.get(SESSIONS).status_code == 200
    refused = client.post(SESSIONS, record("N-1"), format="json")
    assert refused.status_code == 403
    told = refused.json()
    assert (told["code"], told["details"]) == ("missing_scope", {"scope": "sessions:write"})
    assert "sessions:write" in told["detail"]
    assert not AISession.objects.exists()
    assert narrowed(cast, "sessions:write").post(SESSIONS, record("N-1"), format="json").status_code == 201


def test_a_scope_gives_nothing_that_the_role_lacks(cast: Cast) -> None:
    with pytest.raises(InvalidInput, match=r"would not allow proposals:decide"):
        narrowed(cast, "proposals:decide", role=Role.SERVICE)
    with pytest.raises(InvalidInput, match="no scope everything"):
        narrowed(cast, "everything")
    client = narrowed(cast, "proposals:decide")
    ApiKey.objects.get().membership.__class__.objects.filter(api_key__isnull=False).update(role=Role.SERVICE)
    proposal = make_proposal(cast.account, sessions=0)
    decision = client.post(f"/api/v1/proposals/{proposal.pk}/dismiss/", {"revision": 1}, format="json")
    assert (decision.status_code, decision.json()["code"]) == (403, "permission_denied")


def test_the_admin_narrows_a_key(cast: Cast, login: Any) -> None:
    olivia, address = login(cast.olivia), reverse("admin:accounts_apikey_add")
    form = {"account": cast.account.pk, "name": "Narrow", "role": "service", "expires_at_0": "", "expires_at_1": ""}
    refused = olivia.post(address, {**form, "scopes": ["sessions:read", "gaps:write"]})
    assert refused.context["adminform"].form.errors == {"scopes": ["The role would not allow gaps:write."]}
    olivia.post(address, {**form, "scopes": ["sessions:read"]})
    olivia.post(address, {**form, "name": "Wide"})
    assert list(ApiKey.objects.order_by("pk").values_list("name", "scopes")) == [
        ("Narrow", ["sessions:read"]),
        ("Wide", None),
    ]


# --- Too many wrong keys ----------------------------------------------------------------------------------------------


def test_an_address_with_too_many_wrong_keys_waits(
    cast: Cast, key: tuple[ApiKey, str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowpilot.common.throttling.time.time", lambda: 1_800_000_010.0 + key[0].pk * 60)
    wrong = bearer("garbage")
    here: Any = {"REMOTE_ADDR": f"198.51.100.{key[0].pk % 250}"}
    settings.API_KEY_TRIES = 3
    assert [wrong.get(SESSIONS, **here).status_code for _ in range(5)] == [401, 401, 401, 429, 429]
    told = bearer(key[1]).get(SESSIONS, **here)
    assert (told.status_code, told.json()["code"]) == (429, "throttled")
    assert 0 < int(told["Retry-After"]) <= 60
    assert bearer(key[1]).get(SESSIONS, REMOTE_ADDR="203.0.113.77").status_code == 200
    monkeypatch.setattr("flowpilot.common.throttling.time.time", lambda: 1_800_000_070.0 + key[0].pk * 60)
    assert bearer(key[1]).get(SESSIONS, **here).status_code == 200


def test_a_service_that_goes_on_with_an_ended_key_locks_nobody_out(
    cast: Cast, key: tuple[ApiKey, str], settings: Any
) -> None:
    settings.API_KEY_TRIES = 2
    _, other = api_key_create(actor=cast.olivia, account=cast.account, name="Other")
    api_key_revoke(actor=cast.olivia, key=key[0])
    here: Any = {"REMOTE_ADDR": f"192.0.2.{key[0].pk % 250}"}
    assert {bearer(key[1]).get(SESSIONS, **here).status_code for _ in range(4)} == {401}
    assert bearer(other).get(SESSIONS, **here).status_code == 200
