"""Parameters of queries: what is unknown, or no value of its kind, is refused, and told of by its name."""

from typing import Any

import pytest

from tests.conftest import Cast


@pytest.mark.parametrize(
    "address",
    [
        "flows/?statsu=archived",
        "flows/?status=",
        "sessions/?client=",
        "metrics/summary/?last=",
        "flows/?overdue=null",
        "gaps/?flow=1.5e300",
        "gaps/?flow=0",
        "proposals/?min_sessions=many",
        "psa-pushes/?created_after=0001-01-01T00:00:00%2B10:00",
        "audit-events/?created_before=0001-01-01T00:00:00%2B10:00",
    ],
)
def test_a_wrong_value_is_refused_by_its_name(cast: Cast, api: Any, address: str) -> None:
    response = api(cast.olivia).get(f"/api/v1/{address}")
    assert response.status_code == 400, response.content
    name = address.partition("?")[2].partition("=")[0]
    assert [error["parameter"] for error in response.json()["errors"]] == [name]


def test_what_an_operation_takes_is_no_matter_of_its_parameters(cast: Cast, api: Any) -> None:
    assert api(cast.olivia).options("/api/v1/flows/?status=archived").status_code == 200


@pytest.mark.parametrize("value", ["true", "false"])
def test_true_and_false_are_taken(cast: Cast, api: Any, value: str) -> None:
    assert api(cast.olivia).get(f"/api/v1/flows/?overdue={value}").status_code == 200


def test_a_time_of_a_zone_that_counted_in_seconds_is_told_in_utc(cast: Cast, api: Any) -> None:
    query = "first=1970-01-01&last=1970-01-02&zone=Africa/Monrovia"
    response = api(cast.alice).get(f"/api/v1/metrics/summary/?{query}")
    assert response.json()["period"]["start"] == "1970-01-01T00:44:30Z"
