"""Script templates, their immutable versions, and the scripts generated from them."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from flowpilot.accounts.models import Team
from flowpilot.accounts.roles import Role
from flowpilot.common.tenancy import TenantModel, TenantQuerySet, permission_name
from sessions.models.session import AISession, SessionStep
from sessions.scripts.parameters import Parameter, Shell, stored_parameter

SHELLS = [(Shell.POWERSHELL.value, "PowerShell"), (Shell.BASH.value, "Bash"), (Shell.CMD.value, "cmd")]
# Who may run a template, from everybody who works sessions upwards.
ROLE_RANKS = {Role.TECHNICIAN: 1, Role.TEAM_ADMIN: 2, Role.OWNER: 3}


class SharedQuerySet(TenantQuerySet[Any]):
    """Rows of an account, or of nobody: those are everybody's to see who may see such rows at all."""

    def for_user(self, user: Any, action: str = "view") -> Self:
        own = super().for_user(user, action)
        grants_of = getattr(user, "tenant_grants", None)
        if action != "view" or grants_of is None or not grants_of(permission_name(self.model, "view")):
            return own  # also a superuser's: None is everywhere
        return own | self.filter(account=None)


class SharedModel(TenantModel):
    """A row of an account, or a global one, which only the platform's superusers change."""

    account = models.ForeignKey(  # type: ignore[assignment]
        "accounts.Account",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty for a template of everybody's library.",
    )

    objects = SharedQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        abstract = True


class ScriptTemplate(SharedModel):
    """A script to be generated from, with what finds it; what it says stands in its versions."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        APPROVED = "approved", "Approved"
        RETIRED = "retired", "Retired"

    key = models.SlugField(max_length=100)
    title = models.CharField(max_length=200)
    shell = models.CharField(max_length=20, choices=SHELLS)
    problem_domain = models.CharField(max_length=100, blank=True)
    keywords = models.CharField(max_length=500, blank=True, help_text="Words of the problems it helps with.")
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    current_version = models.ForeignKey(
        "ScriptTemplateVersion", on_delete=models.RESTRICT, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "script template"
        ordering = ["title", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "key"], name="script_template_key_in_account", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(status__in=["draft", "approved", "retired"]), name="script_status"),
            models.CheckConstraint(condition=Q(shell__in=["powershell", "bash", "cmd"]), name="script_shell"),
        ]
        indexes = [models.Index(fields=["account", "status"], name="script_template_by_status")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_global(self) -> bool:
        return self.account_id is None


class ScriptTemplateVersion(SharedModel):
    """One numbered text of a template. A trigger in the database refuses any change of what it says."""

    class Risk(models.TextChoices):
        READ_ONLY = "read_only", "Read-only"
        CHANGES = "changes", "Changes things"
        DESTRUCTIVE = "destructive", "Destructive"

    template = models.ForeignKey(ScriptTemplate, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    what_it_does = models.TextField()
    body = models.TextField()
    # A list of `parameters.Parameter` as JSON objects.
    parameters = models.JSONField(default=list, blank=True)
    risk = models.CharField(max_length=20, choices=Risk)
    minimum_role = models.CharField(max_length=20, choices=Role, default=Role.TECHNICIAN)
    note = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "script template version"
        ordering = ["template", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="script_template_version_number"),
        ]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"

    @property
    def read_parameters(self) -> list[Parameter]:
        return [stored_parameter(item) for item in self.parameters]

    @property
    def is_destructive(self) -> bool:
        return self.risk == self.Risk.DESTRUCTIVE


class GeneratedScript(TenantModel):
    """A script as somebody got it, its secrets marked: they are in no column, here or elsewhere."""

    class Outcome(models.TextChoices):
        WORKED = "worked", "It worked"
        NO_CHANGE = "no_change", "No change"
        WORSE = "worse", "It made things worse"

    team_lookup: ClassVar[str | None] = "team"

    # The session's at that time.
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    template_version = models.ForeignKey(ScriptTemplateVersion, on_delete=models.RESTRICT, related_name="generated")
    parameters = models.JSONField(default=dict, blank=True)
    text = models.TextField()
    session = models.ForeignKey(
        AISession, on_delete=models.SET_NULL, null=True, blank=True, related_name="generated_scripts"
    )
    # What the session's record says of it; a session that came in as a record has steps of its own.
    step = models.OneToOneField(
        SessionStep, on_delete=models.SET_NULL, null=True, blank=True, related_name="generated_script"
    )
    node_id = models.CharField(max_length=100, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # What the technician reports; not said is null.
    outcome = models.CharField(max_length=20, choices=Outcome, null=True, blank=True)
    outcome_at = models.DateTimeField(null=True, blank=True)
    outcome_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "generated script"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome=None) | Q(outcome__in=["worked", "no_change", "worse"]), name="script_outcome"
            ),
            models.CheckConstraint(
                condition=Q(outcome=None, outcome_at=None) | Q(outcome_at__gte=F("created_at"), outcome__isnull=False),
                name="script_outcome_after_script",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="generated_script_recent"),
            models.Index(fields=["account", "session", "-created_at"], name="generated_script_session"),
        ]

    def __str__(self) -> str:
        return str(self.template_version)

    @property
    def has_secrets(self) -> bool:
        return any(parameter.is_secret for parameter in self.template_version.read_parameters)
