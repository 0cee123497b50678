"""Who gets which dashboard by email, and when."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class ReportSubscription(models.Model):
    """A dashboard in a scope that somebody gets by email. Nobody else sees or changes it."""

    class Frequency(models.TextChoices):
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every Monday"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="report_subscriptions")
    page = models.CharField(max_length=100, help_text="The name of the dashboard's address.")
    query = models.CharField(max_length=2000, help_text="The scope, as it stands in the dashboard's address.")
    frequency = models.CharField(max_length=10, choices=Frequency)
    hour = models.PositiveSmallIntegerField(help_text="In the time zone of the user's account.")
    # When the next one goes out. Whoever sends it holds the lease; a failed one waits under it to be tried again.
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["page", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "page", "query"], name="one_report_of_scope"),
            models.CheckConstraint(condition=Q(hour__lte=23), name="report_hour_of_day"),
        ]
        indexes = [models.Index(fields=["due_at"], name="report_due")]

    def __str__(self) -> str:
        return f"{self.page}?{self.query} to {self.user}"
