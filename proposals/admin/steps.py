"""From one proposal to the next: the filters of the queue that one came from, and where to go after a decision."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from proposals.filters import FlowProposalFilter
from proposals.models import FlowProposal

# As Django's own pages keep them, so that the links of the list bring them along.
FILTERS = "_changelist_filters"


def kept_filters(request: HttpRequest) -> str:
    """The query of the list that the viewer came from; empty without one."""
    return str(request.POST.get(FILTERS) or request.GET.get(FILTERS) or "")


def detail_url(pk: int, filters: str = "") -> str:
    url = reverse("admin:proposals_flowproposal_change", args=[pk])
    return f"{url}?{urlencode({FILTERS: filters})}" if filters else url


def queue_url(filters: str = "") -> str:
    url = reverse("admin:proposals_flowproposal_changelist")
    return f"{url}?{filters}" if filters else url


def back_to(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(detail_url(pk, kept_filters(request)))


def next_pending(request: HttpRequest, decided: FlowProposal) -> int | None:
    """The pending proposal that comes after this one in the viewer's filtered queue, else its first; None if empty."""
    query = QueryDict(kept_filters(request), mutable=True)
    query["status"] = FlowProposal.Status.PENDING
    own: Any = FlowProposal.objects.for_user(request.user).filter(status=FlowProposal.Status.PENDING)
    found = FlowProposalFilter(query, queryset=own, request=request)
    # What the filters cannot read narrows nothing: the next item must not fail for a strange address.
    queue = (found.qs if found.is_valid() else own).exclude(pk=decided.pk).order_by("-impact", "-id")
    after = queue.filter(Q(impact__lt=decided.impact) | Q(impact=decided.impact, pk__lt=decided.pk))
    return after.values_list("pk", flat=True).first() or queue.values_list("pk", flat=True).first()
