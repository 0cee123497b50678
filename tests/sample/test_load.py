"""The sample account in the database."""

import pytest
from django.utils import timezone

from flowpilot.common.errors import Conflict
from flowpilot.flows.models import FlowVersion
from flowpilot.sample.load import sample_load
from sessions.models import AISession

pytestmark = pytest.mark.django_db


def test_its_flows_were_published_before_they_guided_anybody() -> None:
    account = sample_load(password=None, count=60, seed=1, until=timezone.now())
    first = AISession.objects.filter(account=account).earliest("started_at").started_at
    versions = FlowVersion.objects.filter(account=account).select_related("flow")
    assert versions
    for version in versions:
        assert version.flow.created_at == version.flow.updated_at == version.created_at < first


def test_it_is_loaded_once() -> None:
    sample_load(password=None, count=1, seed=1, until=timezone.now())
    with pytest.raises(Conflict, match="northwind"):
        sample_load(password=None, count=1, seed=1, until=timezone.now())
