"""Files of a session: taken with what was pasted or chosen, and served so that nothing in them can run."""

from django.contrib import messages
from django.core.files.base import ContentFile, File
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

from flowpilot.common.errors import ServiceError
from sessions.models import AISession, Attachment, Handover
from sessions.runner.attach import attachment_add, size_check
from sessions.web.frame import at_work, own_session, run_url, to_read


@require_http_methods(["POST"])
@at_work
def add(request: HttpRequest, pk: int) -> HttpResponse:
    """`POST …/files/` with `file`s, or a `log` that was pasted."""
    own_session(request, pk)
    given: list[File[bytes]] = list(request.FILES.getlist("file"))
    if log := request.POST.get("log", "").strip():
        given.append(ContentFile(log.encode(), name="pasted.log"))
    if not given:
        messages.warning(request, "Nothing was attached: choose a file or paste a text.")
    for file in given:
        name = file.name or "file"
        try:
            size_check(file.size)
            attachment_add(actor=request.user, session_id=pk, name=name, data=file.read())  # type: ignore[arg-type]
        except ServiceError as error:
            messages.warning(request, f"{name} was not attached: {error.message}.")
    return HttpResponseRedirect(run_url(pk))


@require_safe
@to_read
def show(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """The file itself, by its type as it was found, in a sandbox of its own; for whoever may read its session."""
    seen = AISession.objects.for_user(request.user).values("pk")
    handed = Handover.objects.waiting_for(request.user).values("session")
    of_theirs = Q(session__in=seen) | Q(session__in=handed)
    found = Attachment.objects.filter(of_theirs, session=pk, key=key).first()
    if found is None:
        raise Http404("There is no such file.")
    with found.file.open("rb") as file:
        response = HttpResponse(file.read(), content_type=found.content_type)
    how = "inline" if found.is_image else "attachment"
    response["Content-Disposition"] = content_disposition_header(how == "attachment", found.name) or how
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=3600"
    response._csp_replace = {"default-src": ["'none'"], "sandbox": [""]}  # type: ignore[attr-defined]
    return response
