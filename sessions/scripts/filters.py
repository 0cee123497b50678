"""Filters of script templates."""

import django_filters
from django.db.models import Q, QuerySet

from sessions.scripts.models import ScriptTemplate, ScriptTemplateVersion


class ScriptTemplateFilter(django_filters.FilterSet):
    account = django_filters.CharFilter(field_name="account__slug", label="Account; empty for all")
    risk = django_filters.ChoiceFilter(
        field_name="current_version__risk", choices=ScriptTemplateVersion.Risk.choices, label="Risk"
    )
    search = django_filters.CharFilter(method="filter_search", label="Words of the title or the keywords")

    class Meta:
        model = ScriptTemplate
        fields = ["status", "shell", "problem_domain", "key"]

    def filter_search(self, queryset: QuerySet[ScriptTemplate], name: str, value: str) -> QuerySet[ScriptTemplate]:
        for word in value.split():
            queryset = queryset.filter(Q(title__icontains=word) | Q(keywords__icontains=word))
        return queryset
