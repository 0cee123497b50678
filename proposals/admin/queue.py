"""The list of the queue: filters as the API's, pages by place, tabs, saved views, the budget."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from flowpilot.accounts.models import SavedView, Team
from flowpilot.accounts.savedviews import saved_views
from flowpilot.common.kept import kept
from proposals import budget
from proposals.admin.bulk import LIMIT
from proposals.admin.views import PAGE
from proposals.filters import FlowProposalFilter
from proposals.models import FlowProposal
from proposals.queue import (
    DECIDED,
    IMPACT,
    NEWEST_DECISION,
    ORDERS,
    Count,
    Order,
    Page,
    Tab,
    count_capped,
    narrowed,
    page_of,
    tab_q,
)

# What an address holds besides filters: where the page begins, and the time one has.
CURSOR = ("after", "before", "last")
NOT_FILTERS = (*CURSOR, "minutes", "p", "e")
HEAVY = ("proposed_flow_data", "proposed_diff", "node_evidence", "examples", "masked", "description", "search")
MOST_MINUTES = 1_000
# The filters that stand folded until one of them is used.
MORE = ("team", "waiting_days", "min_sessions", "created_after", "created_before", "account")

# As Django's, whose script ticks them.
CHECK_ALL = (
    '<th scope="col" class="action-checkbox-column"><input type="checkbox" id="action-toggle" '
    'aria-label="Select all objects on this page for an action"></th>'
)
CHECKBOX = (
    '<td class="action-checkbox"><input type="checkbox" name="_selected_action" class="action-select" '
    'aria-label="Select this object for an action - {}" value="{}"></td>'
)


def tab_of(query: QueryDict) -> str:
    """The tab that an address shows: what it says, else the one that its status belongs to, else pending."""
    status = query.get("status", "")
    if query.get("tab") in Tab.values:
        return str(query["tab"])
    if status in DECIDED:
        return Tab.DECIDED
    if status == FlowProposal.Status.DISMISSED:
        return Tab.PARKED
    return Tab.PENDING if status in ("", FlowProposal.Status.PENDING) else ""


def without(query: QueryDict, *names: str) -> QueryDict:
    """The address's parameters without these, and without empty ones."""
    kept = QueryDict(mutable=True)
    for name, values in query.lists():
        if name not in names and any(values):
            kept.setlist(name, values)
    return kept


@dataclass(frozen=True, slots=True)
class TabLink:
    label: str
    count: Count
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class ViewLink:
    view: SavedView
    url: str
    is_current: bool


class QueueList(ChangeList):
    """Django's list page, filtered by the API's filters instead of its own, and paged by place."""

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.request = request
        super().__init__(request, *args)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[FlowProposal]:
        self.filter_specs: list[Any] = []
        self.has_filters = False
        given = without(request.GET, *NOT_FILTERS)
        self.tab = tab_of(given)
        self.order = self._order(given)
        self.has_active_filters = bool(set(given) - {"tab", "order"})  # a status narrows a tab, too
        # Anybody's tab is pending unless the address asks for something else.
        if "tab" not in given and "status" not in given:
            given["tab"] = Tab.PENDING
        filters = FlowProposalFilter(given, queryset=self.root_queryset, request=request)
        self.form = filters.form
        # What cannot be read narrows nothing, so nothing is shown: a bulk decision must not reach more than was meant.
        rows = filters.qs if self.form.is_valid() else self.root_queryset.none()
        related: Any = self.list_select_related
        # A whole tab is counted by its index; only what was searched for is worth keeping.
        self.filtered, self.count = narrowed(rows) if self.has_active_filters else (rows, count_capped(rows))
        return self.order.sort(self.filtered.select_related(*related).defer(*HEAVY))

    def _order(self, given: QueryDict) -> Order:
        if self.tab in (Tab.PARKED, Tab.DECIDED):
            return NEWEST_DECISION
        return ORDERS.get(given.get("order", ""), IMPACT)

    def get_results(self, request: HttpRequest) -> None:
        page = self._page(request.GET)
        self.result_list: Any = page.rows
        self.page = page
        self.result_count = self.count.value
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = self.can_decide_here
        self.multi_page = page.has_earlier or page.has_later
        self.can_show_all = False

    @property
    def can_decide_here(self) -> bool:
        """Only what is pending is decided."""
        return self.tab in (Tab.PENDING, Tab.MINE)

    def _page(self, query: QueryDict) -> Page:
        after, before = self._place(query.get("after")), self._place(query.get("before"))
        last = "last" in query
        return page_of(self.queryset, self.order, self.list_per_page, after=after, before=before, last=last)

    def _place(self, pk: str | None) -> tuple[Any, int] | None:
        """Where the viewer's own row of that id stands; what is unknown begins at the beginning."""
        if not pk or not pk.isdecimal() or len(pk) > 18:
            return None
        found = self.root_queryset.filter(pk=int(pk)).values_list(self.order.field, "pk").first()
        return found if found and found[0] is not None else None

    @cached_property
    def table(self) -> SafeString:
        """The rows. Django's own tag takes three times as long for them, most of it for ways that are not gone here."""
        admin: Any = self.model_admin
        shown = [getattr(admin, str(name)) for name in self.list_display if name != "action_checkbox"]
        boxes = "action_checkbox" in self.list_display and self.show_admin_actions
        heads = [format_html('<th scope="col">{}</th>', column.short_description) for column in shown]
        url = reverse("admin:proposals_flowproposal_change", args=[0])
        query = f"?{self.preserved_filters}" if self.preserved_filters else ""
        lines = []
        for row in self.result_list:
            first, *cells = [column(row) for column in shown]
            link = format_html('<a href="{}{}">{}</a>', url.replace("/0/", f"/{row.pk}/"), query, first)
            box = format_html(CHECKBOX, row.title, row.pk) if boxes else ""
            rest = "".join(f"<td>{conditional_escape(cell)}</td>" for cell in cells)
            lines.append(f'<tr>{box}<th scope="row">{link}</th>{rest}</tr>')
        return mark_safe(  # noqa: S308 - every cell is escaped by its column
            f'<div class="results"><table id="result_list"><thead><tr>{CHECK_ALL if boxes else ""}{"".join(heads)}</tr>'
            f"</thead><tbody>{''.join(lines)}</tbody></table></div>"
        )

    # --- what the template shows --------------------------------------------------------------------------------------

    @cached_property
    def given(self) -> QueryDict:
        return without(self.request.GET, *NOT_FILTERS)

    @property
    def given_items(self) -> list[tuple[str, str]]:
        return [(name, value) for name, values in self.given.lists() for value in values]

    def url(self, **changes: Any) -> str:
        query = self.given.copy()
        for name, value in changes.items():
            query[name] = str(value)
        return f"?{query.urlencode()}"

    @property
    def clear_url(self) -> str:
        """The tab without its filters."""
        return f"?tab={self.tab}" if self.tab else "?"

    @property
    def any_flow_url(self) -> str:
        return f"?{without(self.given, 'target_flow').urlencode()}"

    @property
    def has_more_filters(self) -> bool:
        return any(name in self.given for name in MORE)

    @property
    def links(self) -> dict[str, str]:
        """First, earlier, later and last page, as far as there are such."""
        rows, page, links = self.result_list, self.page, {}
        if page.has_earlier:
            links["first"] = self.url()
            if rows:
                links["earlier"] = self.url(before=rows[0].pk)
        if page.has_later and rows:
            links["later"] = self.url(after=rows[-1].pk)
            links["last"] = self.url(last=1)
        return links

    @property
    def tabs(self) -> list[TabLink]:
        user = self.request.user
        kept = without(self.given, "tab", "status", "order")
        links = []
        for tab in Tab:
            query = kept.copy()
            query["tab"] = tab.value
            # Without filters the view that is shown is the tab itself, and counted already.
            is_counted = tab == self.tab and not self.has_active_filters
            count = self.count if is_counted else count_capped(self.root_queryset.filter(tab_q(tab, user)))
            links.append(TabLink(str(tab.label), count, f"?{query.urlencode()}", self.tab == tab))
        return links

    @property
    def views(self) -> list[ViewLink]:
        now = self.given.urlencode()
        views = saved_views(actor=self.request.user, page=PAGE)  # type: ignore[arg-type]
        return [ViewLink(view, f"?{view.query}", view.query == now) for view in views]

    @property
    def orders(self) -> list[Order]:
        return list(ORDERS.values()) if self.can_decide_here else []

    @cached_property
    def minutes(self) -> int | None:
        text = self.request.GET.get("minutes", "")
        return min(int(text), MOST_MINUTES) if text.isdecimal() and len(text) < 9 and int(text) else None

    @cached_property
    def budget(self) -> budget.Budget | None:
        """What the first of this view bring; only where something can be decided."""
        return budget.budget_of(self.request.user, self.filtered, self.minutes) if self.can_decide_here else None

    @property
    def waiting_impact(self) -> float:
        return budget.waiting_impact(self.request.user)

    @property
    def domains(self) -> list[str]:
        """Domains to choose from: those of the first thousand of the tab. Kept for a minute, as the budget's total."""
        user = self.request.user
        whose = user.pk if self.tab == Tab.MINE else budget.scope_key(user)

        def find() -> list[str]:
            first = self.order.sort(self.root_queryset.filter(tab_q(self.tab, user)))
            named = FlowProposal.objects.filter(pk__in=first.values("pk")[:1000]).exclude(problem_domain="")
            found = named.order_by("problem_domain").values_list("problem_domain", flat=True)
            return list(found.distinct()[:100])

        return kept(f"queue:domains:{self.tab}:{self.order.name}:{whose}", budget.KEEP_TOTAL_S, find)

    @property
    def teams(self) -> list[str]:
        names = Team.objects.for_user(self.request.user).order_by("name")
        return list(names.values_list("name", flat=True).distinct()[:200])

    @property
    def bulk_limit(self) -> int:
        return LIMIT

    @property
    def impact_days(self) -> int:
        return int(settings.IMPACT_DAYS)
