"""How an account's data is kept: who says so, and what is refused."""

from typing import Any

import pytest
from django.urls import reverse

from flowpilot.accounts.models import DataPolicy
from flowpilot.accounts.policies import mask_of, policy_change, policy_of
from flowpilot.common.errors import InvalidInput, NotAllowed
from flowpilot.common.masking import Level
from flowpilot.common.models import AuditEvent
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def test_without_a_policy_everything_is_kept_as_it_comes(cast: Cast) -> None:
    assert policy_of(cast.account).session_days is None
    assert mask_of(cast.account).level is Level.OFF


def test_an_owner_sets_it_and_the_log_tells_no_names(cast: Cast) -> None:
    policy = policy_change(
        actor=cast.olivia, account=cast.account, session_days=90, text_days=30, names="Jana Nova\nX Y"
    )
    assert (policy.session_days, policy.text_days, policy.keep_steps) == (90, 30, True)
    event = AuditEvent.objects.get(action="data_policy.changed")
    assert event.after["names"] == 2
    assert "Jana" not in str(event.after)


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "mallory"])
def test_nobody_else_does(cast: Cast, name: str) -> None:
    with pytest.raises(NotAllowed):
        policy_change(actor=getattr(cast, name), account=cast.account, session_days=90)
    assert not DataPolicy.objects.exists()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"session_days": 6}, "session_days"),
        ({"text_days": 5000}, "text_days"),
        ({"session_days": 30, "text_days": 31}, "text_days"),
        ({"masking": "some"}, "masking"),
    ],
)
def test_what_makes_no_sense_is_refused(cast: Cast, fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        policy_change(actor=cast.olivia, account=cast.account, **fields)
    assert set(refused.value.details or ()) == {wrong}


def test_members_and_listed_names_are_masked_but_no_single_first_name(cast: Cast) -> None:
    cast.bob.full_name = "Bob Miller"
    cast.bob.save()
    policy_change(actor=cast.olivia, account=cast.account, masking="personal", names="Jana Nova\n")
    text = "Miller, Bob met Jana Nova and Alice at 10.0.0.1"
    assert mask_of(cast.account).mask(text) == "[person] met [person] and Alice at 10.0.0.1"
    policy_change(actor=cast.olivia, account=cast.account, mask_addresses=True)
    assert mask_of(cast.account).mask("at 10.0.0.1") == "at [address]"


def test_the_page_writes_it_by_the_service(cast: Cast, login: Any) -> None:
    browser = login(cast.olivia)
    given = {"account": cast.account.pk, "session_days": "30", "text_days": "40", "keep_steps": "on", "masking": "off"}
    refused = browser.post(reverse("admin:accounts_datapolicy_add"), given)
    assert "text_days" in refused.context["adminform"].form.errors
    browser.post(reverse("admin:accounts_datapolicy_add"), {**given, "text_days": "20"})
    policy = DataPolicy.objects.get()
    assert (policy.account, policy.text_days) == (cast.account, 20)
    browser.post(
        reverse("admin:accounts_datapolicy_change", args=[policy.pk]), {"masking": "secrets", "session_days": "60"}
    )
    policy.refresh_from_db()
    assert (policy.masking, policy.session_days, policy.text_days, policy.keep_steps) == ("secrets", 60, None, False)
    assert AuditEvent.objects.filter(action="data_policy.changed").count() == 2
