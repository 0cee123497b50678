"""Who else has the proposal open, claims, and what is like it: small parts that the detail page fetches or posts."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from flowpilot.common.errors import ServiceError
from proposals import review
from proposals.admin.evidence import readable
from proposals.admin.steps import back_to, kept_filters
from proposals.judging import judging_of
from proposals.models import FlowProposal, ProposalViewer
from proposals.similar import similar_to

# The page says so every 15 s: three times missed is gone.
GONE_AFTER = timedelta(seconds=45)
FORGOTTEN_AFTER = timedelta(days=1)
MOST_NAMED = 5


def urls(model_admin: Any) -> list[URLPattern]:
    def page(view: Any) -> Any:
        return model_admin.admin_site.admin_view(lambda request, pk: view(model_admin, request, pk))

    return [
        path("<int:pk>/presence/", page(presence_view), name="proposals_flowproposal_presence"),
        path("<int:pk>/similar/", page(similar_view), name="proposals_flowproposal_similar"),
        path("<int:pk>/claim/", page(claim_view), name="proposals_flowproposal_claim"),
    ]


def presence_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/presence/`: "I read it"; answers who else does, who has claimed it, and whether it has changed."""
    proposal = readable(model_admin, request, pk)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    viewer_note(request.user, proposal)
    return JsonResponse(
        {
            "viewers": other_viewers(request.user, proposal),
            "claim": claim_words(request.user, proposal),
            "revision": proposal.revision,
            "status": proposal.status,
        }
    )


def similar_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`GET …/similar/`: possible duplicates, as a page or (`fragment=1`) as the page's part.

    A POST asks the account's language model for its opinion on those that are undecided.
    """
    proposal = readable(model_admin, request, pk)
    can_decide = proposal.is_pending and request.user.has_perm("proposals.decide_flowproposal", proposal)
    if request.method == "POST" and not can_decide:
        raise PermissionDenied
    similar = similar_to(request.user, proposal)
    judging = judging_of(proposal, similar, is_asked=request.method == "POST")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Like {proposal.title}",
        "opts": model_admin.opts,
        "proposal": proposal,
        "similar": similar,
        "judging": judging,
        "can_decide": can_decide,
        "filters": kept_filters(request),
    }
    template = "proposals/similar_list.html" if "fragment" in request.GET else "proposals/similar.html"
    return TemplateResponse(request, template, context)


def claim_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/claim/` takes it for a while; with `release` it is given back."""
    proposal = readable(model_admin, request, pk)
    if not model_admin.has_decide_permission(request, proposal):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    act = review.proposal_release if "release" in request.POST else review.proposal_claim
    try:
        act(actor=request.user, proposal_id=pk)  # type: ignore[arg-type]
    except ServiceError as error:
        messages.warning(request, f"That was not done: {error.message}.")
    return back_to(request, pk)


def viewer_note(user: Any, proposal: FlowProposal) -> None:
    """Note that `user` has the proposal open now, and forget who had it open long ago."""
    now = timezone.now()
    ProposalViewer.objects.update_or_create(
        account_id=proposal.account_id, proposal=proposal, user=user, defaults={"seen_at": now}
    )
    ProposalViewer.objects.filter(
        account=proposal.account_id, proposal=proposal, seen_at__lt=now - FORGOTTEN_AFTER
    ).delete()


def other_viewers(user: Any, proposal: FlowProposal) -> list[str]:
    """The names of those who have the proposal open beside `user`."""
    seen = ProposalViewer.objects.filter(
        account=proposal.account_id, proposal=proposal, seen_at__gte=timezone.now() - GONE_AFTER
    )
    rows = seen.exclude(user=user).select_related("user").order_by("user__full_name", "user__pk")
    return [str(row.user) for row in rows[:MOST_NAMED]]


def claim_words(user: Any, proposal: FlowProposal) -> str:
    """Who has claimed it and until when, as the page says it; empty where nobody has."""
    claimant = proposal.claimant
    if claimant is None or proposal.claimed_until is None:
        return ""
    until = f"{timezone.localtime(proposal.claimed_until):%H:%M}"
    if claimant.pk == user.pk:
        return f"You have claimed it until {until}."
    return f"Claimed by {claimant} until {until}. You may decide it all the same."
