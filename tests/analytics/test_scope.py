"""The scope: which time it is about, and that its address gives it again."""

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from analytics.scope import Scope
from flowpilot.common.errors import InvalidInput
from sessions.models import Client
from tests.conftest import Cast
from tests.factories import make_flow, make_session

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """It is Tuesday noon in Berlin."""
    now = datetime(2026, 3, 31, 12, 0, tzinfo=BERLIN)
    monkeypatch.setattr(timezone, "now", lambda: now)
    return now


def test_the_last_days_end_now_and_begin_at_midnight(cast: Cast, noon: datetime) -> None:
    scope = Scope.from_query(cast.alice, {"days": 7, "zone": "Europe/Berlin"})
    assert (scope.first, scope.last, scope.length) == (date(2026, 3, 25), date(2026, 3, 31), 7)
    assert (scope.start, scope.end) == (datetime(2026, 3, 25, tzinfo=BERLIN), noon)


def test_the_period_before_has_gone_as_far(cast: Cast, noon: datetime) -> None:
    """The clocks went forward on 29 March: noon is still compared with noon."""
    before = Scope.from_query(cast.alice, {"days": 7, "zone": "Europe/Berlin"}).before()
    assert before.start == datetime(2026, 3, 18, tzinfo=BERLIN)
    assert before.end == datetime(2026, 3, 24, 12, 0, tzinfo=BERLIN)


def test_dates_of_ones_own_are_whole_days(cast: Cast, noon: datetime) -> None:
    scope = Scope.from_query(cast.alice, {"first": "2026-03-01", "last": "2026-03-02", "zone": "Europe/Berlin"})
    assert (scope.start, scope.end) == (datetime(2026, 3, 1, tzinfo=BERLIN), datetime(2026, 3, 3, tzinfo=BERLIN))
    assert scope.before().end == scope.start
    assert scope.within(date(2026, 3, 2), date(2026, 3, 8)).start == datetime(2026, 3, 2, tzinfo=BERLIN)


def test_a_period_to_come_is_empty_and_no_error(cast: Cast, noon: datetime) -> None:
    scope = Scope.from_query(cast.alice, {"first": "2030-01-01", "last": "2030-02-01"})
    assert scope.start == scope.end


def test_its_address_gives_it_again(cast: Cast) -> None:
    session = make_session(cast.account, client="Acme & Sons", team="Service Desk")
    given = {
        "first": "2026-03-01",
        "last": "2026-03-02",
        "team": str(session.team_id),
        "client": str(Client.objects.get().pk),
        "flow": str(make_flow(cast.account).flow.pk),
        "domain": "email & calendar",
        "technician": "a+b@c.test",
        "zone": "Asia/Tokyo",
    }
    scope = Scope.from_query(cast.alice, given)
    read = {name: values[0] for name, values in parse_qs(scope.query()).items()}
    assert read == given
    assert Scope.from_query(cast.alice, read) == scope


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"days": "8"}, "days"),
        ({"first": "2026-01-01"}, "last"),
        ({"last": "2026-01-01"}, "first"),
        ({"first": "2026-01-02", "last": "2026-01-01"}, "last"),
        ({"first": "1990-01-02", "last": "2026-01-01"}, "last"),
        ({"first": "yesterday", "last": "2026-01-01"}, "first"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"team": "999999"}, "team"),
        ({"flow": "x"}, "flow"),
        ({"domain": "\0"}, "domain"),
    ],
)
def test_what_is_wrong_is_named(cast: Cast, query: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Scope.from_query(cast.alice, query)
    assert isinstance(refused.value.details, dict)
    assert list(refused.value.details) == [field]


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "2101-01-01", "9999-12-31"])
def test_days_that_no_session_can_have_are_refused(cast: Cast, day: str) -> None:
    """Some of them have no day before or after them."""
    with pytest.raises(InvalidInput) as refused:
        Scope.from_query(cast.alice, {"first": day, "last": day})
    why = ["This does not lie in the years 1970 to 2100."]
    assert refused.value.details == {"first": why, "last": why}


@pytest.mark.parametrize("day", ["1970-01-01", "2100-12-31"])
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_the_first_and_the_last_day_are_counted(cast: Cast, day: str, zone: str) -> None:
    scope = Scope.from_query(cast.alice, {"first": day, "last": day, "zone": zone})
    assert (scope.ended_sessions().count(), scope.before().ended_sessions().count()) == (0, 0)
    assert scope.before().start <= scope.start - timedelta(days=1)
