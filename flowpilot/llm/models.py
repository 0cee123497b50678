"""An account's language model, and every call that was made to it."""

from typing import Self

from django.db import models
from django.db.models import Q

from flowpilot.common.tenancy import TenantModel, TenantQuerySet

LONGEST_URL = 500


class Purpose(models.TextChoices):
    """What a model is asked for."""

    WORDING = "wording", "Wording of a proposal"
    JUDGE_TOPICS = "judge_topics", "Are two topics the same"
    JUDGE_PROMPTS = "judge_prompts", "Are two prompts the same"
    SUMMARY = "summary", "Draft of a resolution summary"
    TRANSCRIPT = "transcript", "Steps of a pasted talk"
    DOMAIN = "domain", "Problem domain of a session"


class Fallback(models.TextChoices):
    """Why there is no answer, and FlowPilot's own words stand."""

    RATE_LIMITED = "rate_limited", "Asked to slow down (429)"
    SERVER_ERROR = "server_error", "The server failed (5xx)"
    TIMEOUT = "timeout", "No answer in time"
    UNREACHABLE = "unreachable", "Not reached"
    REJECTED = "rejected", "The request was rejected (4xx)"
    REFUSED = "refused", "The model refused"
    TRUNCATED = "truncated", "The answer broke off"
    NOT_JSON = "not_json", "The answer was not JSON"
    WRONG_SCHEMA = "wrong_schema", "The answer had another shape"
    EMPTY = "empty", "The answer was empty"
    UNMASKED = "unmasked", "Not sent: private matter was left in it"
    TOO_LONG = "too_long", "Not sent: too long"
    BUDGET = "budget", "Not sent: the day's budget is spent"
    BREAKER = "breaker", "Not sent: the server failed too often"
    OFF = "off", "Not sent: switched off"
    BROKEN_KEY = "broken_key", "Not sent: its key cannot be opened"


class LanguageModel(TenantModel):
    """The language model that an account allows, and what for. Without such a row, or with it off, there is none."""

    class Provider(models.TextChoices):
        ANTHROPIC = "anthropic", "Anthropic"
        OPENAI = "openai", "OpenAI"
        AZURE = "azure", "Azure OpenAI"
        COMPATIBLE = "compatible", "An OpenAI-compatible server of our own (Ollama, vLLM)"

    is_active = models.BooleanField("on", default=False)
    provider = models.CharField(max_length=20, choices=Provider)
    model = models.CharField(max_length=200, help_text="As the provider calls it, such as claude-haiku-4-5.")
    base_url = models.CharField(
        "address",
        max_length=LONGEST_URL,
        blank=True,
        help_text="Of Azure or of a server of your own, such as https://models.example.com/v1. Empty for the others.",
    )
    # {"key": …}, sealed by `flowpilot.common.vault`; never shown.
    sealed_key = models.BinaryField(null=True, editable=False)
    words_proposals = models.BooleanField("wording of proposals", default=True)
    judges = models.BooleanField("undecided topics and prompts", default=True)
    helps_sessions = models.BooleanField("help in sessions", default=True)
    daily_tokens = models.PositiveIntegerField(
        "tokens a day", default=500_000, help_text="Sent and received together, from midnight to midnight UTC."
    )
    input_price = models.DecimalField(
        "price of what is sent", max_digits=10, decimal_places=4, null=True, blank=True,
        help_text="USD for a million tokens; empty: the provider's list price, where it is known.",
    )  # fmt: skip
    output_price = models.DecimalField(
        "price of what is received", max_digits=10, decimal_places=4, null=True, blank=True,
        help_text="USD for a million tokens.",
    )  # fmt: skip
    # The budget of one day, which calls take from before they are made.
    spent_on = models.DateField(null=True, editable=False)
    tokens_spent = models.PositiveBigIntegerField(default=0, editable=False)
    # The circuit breaker: failures in a row, and until when nobody is to call.
    failures = models.PositiveIntegerField(default=0, editable=False)
    open_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "language model"
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                name="one_language_model_of_account",
                violation_error_message="This account has a language model already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display().partition(' (')[0]}: {self.model}"


class ModelCallQuerySet(TenantQuerySet["ModelCall"]):
    def permission(self, action: str) -> str:
        """To read one takes more than to count them."""
        return "analytics.view_metrics" if action == "count" else super().permission(action)

    def sent_out(self) -> Self:
        """Calls of which something left the house."""
        return self.filter(attempts__gt=0)


class ModelCall(TenantModel):
    """One question to the model, with all its attempts: what was sent, masked, and what came of it."""

    purpose = models.CharField(max_length=20, choices=Purpose)
    subject = models.CharField(max_length=100, help_text="What it was about, such as proposal 7, revision 2.")
    provider = models.CharField(max_length=20, choices=LanguageModel.Provider)
    model = models.CharField(max_length=200)
    # Of everything that the answer depends on: the same question is never paid for twice.
    digest = models.CharField(max_length=64)
    # {"instructions", "content"}: masked, as it left the house.
    sent = models.JSONField(default=dict)
    # As it came, masked; "" without one.
    answer = models.TextField(blank=True)
    fallback = models.CharField(max_length=20, choices=Fallback, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField("cost in USD", max_digits=12, decimal_places=6, null=True, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelCallQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = "call to the language model"
        verbose_name_plural = "calls to the language model"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="model_call_recent"),
            models.Index(fields=["account", "digest"], name="model_call_answered", condition=Q(fallback="")),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()}: {self.subject}"
