"""A language model's words for a revision of a proposal, beside the miner's."""

from typing import Any

from django.db import models
from django.db.models import Q

from flowpilot.common.tenancy import TenantModel
from flowpilot.llm.models import Fallback
from proposals.models.proposal import FlowProposal


class ProposalWording(TenantModel):
    """The words for one revision, text by text; the miner's stay where a text has a reason instead."""

    class State(models.TextChoices):
        DONE = "done", "Done"
        # Some or all of it could not be asked; it is tried again at `next_attempt_at`.
        PARTLY = "partly", "Not all of it"

    team_lookup = "proposal__team"

    proposal = models.ForeignKey(FlowProposal, on_delete=models.CASCADE, related_name="wordings")
    revision = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State)
    # [{"where", "node", "option", "own", "words", "reason", "flags"}, …]: see `proposals.wordings.texts`.
    texts: Any = models.JSONField(default=list)
    fallback = models.CharField(max_length=20, choices=Fallback, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    # Of the texts with new words, what was published; all 0 until then.
    kept_model = models.PositiveIntegerField(default=0)
    kept_own = models.PositiveIntegerField(default=0)
    kept_edited = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "wording"
        constraints = [
            models.UniqueConstraint(fields=["account", "proposal", "revision"], name="one_wording_of_revision"),
        ]
        indexes = [
            models.Index(
                fields=["account", "counted_at"], name="wording_counted", condition=Q(counted_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"wording of {self.proposal}, revision {self.revision}"
