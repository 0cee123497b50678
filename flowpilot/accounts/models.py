"""Accounts, teams, people and their roles."""

import zoneinfo
from functools import cached_property
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from flowpilot.accounts.roles import Role, role_grants
from flowpilot.common.errors import InvalidInput
from flowpilot.common.masking import Level
from flowpilot.common.tenancy import Grant, TenantModel, TenantQuerySet


def validate_time_zone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError(f"{value} is not a time zone name such as Europe/Berlin")


class Account(models.Model):
    """The tenant: one helpdesk or managed service provider."""

    account_lookup: ClassVar[str] = "pk"
    team_lookup: ClassVar[str | None] = None

    slug = models.SlugField(max_length=50, unique=True, help_text="Names the account in commands and the API.")
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    admins_need_two_factor = models.BooleanField(
        "admins use two-factor log-in",
        default=False,
        help_text="Owners and team admins who have not set it up are led to it, and to nothing else.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def account_id(self) -> int:
        """An account belongs to itself: audit events and permissions ask every row this."""
        return self.pk


class Masking(models.TextChoices):
    """What is masked in texts before they are kept: the levels of `flowpilot.common.masking`."""

    OFF = Level.OFF.value, "Nothing"
    SECRETS = Level.SECRETS.value, "Secrets"
    PERSONAL = Level.PERSONAL.value, "Secrets and personal data"


class DataPolicy(TenantModel):
    """How long an account keeps sessions and their texts, and what it masks as they come in. None is for ever."""

    LEAST_DAYS: ClassVar[int] = 7
    MOST_DAYS: ClassVar[int] = 3650

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="data_policy")
    session_days = models.PositiveIntegerField(
        "keep sessions (days)", null=True, blank=True, help_text="From their end. Empty: for ever."
    )
    text_days = models.PositiveIntegerField(
        "keep texts (days)",
        null=True,
        blank=True,
        help_text="What was written and attached: transcripts, answers, notes, files, scripts. Empty: as the session.",
    )
    keep_steps = models.BooleanField(
        "keep the steps", default=True, help_text="On: of a step its kind, place and chosen answer stay without texts."
    )
    masking = models.CharField("mask", max_length=20, choices=Masking, default=Masking.OFF)
    mask_addresses = models.BooleanField(
        "mask IP addresses", default=False, help_text="And MAC addresses, where personal data is masked."
    )
    names = models.TextField(
        blank=True, help_text="People to mask beside the members, one name a line.", max_length=20_000
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "data policy"
        verbose_name_plural = "data policies"
        constraints = [
            models.CheckConstraint(condition=Q(masking__in=Masking.values), name="policy_masking"),
            models.CheckConstraint(
                condition=Q(session_days=None) | Q(session_days__range=(7, 3650)), name="policy_session_days"
            ),
            models.CheckConstraint(
                condition=Q(text_days=None) | Q(text_days__range=(7, 3650)), name="policy_text_days"
            ),
            models.CheckConstraint(
                condition=Q(session_days=None) | Q(text_days=None) | Q(text_days__lte=F("session_days")),
                name="policy_texts_not_longer_than_sessions",
            ),
        ]

    def __str__(self) -> str:
        return f"data policy of {self.account}"


class Team(TenantModel):
    """A group inside an account; a membership may be limited to one."""

    team_lookup = "pk"

    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="team_name_in_account")]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who logs in by email. Raises ValueError without one."""
        if not email:
            raise ValueError("a user needs an email address")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())

    def for_user(self, user: Any, action: str = "view") -> "models.QuerySet[User]":
        """People who share an account with `user`, where the user holds `accounts.view_user` or the like."""
        grants = user.tenant_grants(f"accounts.{action}_user")
        if grants is None:
            return self.get_queryset()
        accounts = [account_id for account_id, _ in grants]
        member = Membership.objects.filter(user=models.OuterRef("pk"), account__in=accounts)
        return self.get_queryset().filter(models.Exists(member))


class User(AbstractBaseUser, PermissionsMixin):
    """A person, or the service behind an API key. What they may do comes from their memberships."""

    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    # Since when a log-in needs a code, too; see `twofactor`.
    two_factor_at = models.DateTimeField("two-factor log-in since", null=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        ordering = ["email"]
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_in_lower_case")]

    def __str__(self) -> str:
        return self.full_name or self.email

    def clean(self) -> None:
        self.email = self.email.lower()

    @property
    def is_staff(self) -> bool:
        """Who may enter the admin site: every member of an account."""
        return self.is_superuser or bool(self.active_memberships)

    @property
    def lacks_two_factor(self) -> bool:
        """Whether an account wants this person to have a second factor, and there is none."""
        if self.two_factor_at is not None:
            return False
        return any(
            m.account.admins_need_two_factor and m.role in (Role.OWNER, Role.TEAM_ADMIN)
            for m in self.active_memberships
        )

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What every session of this person is signed with: the password, and the second factor where there is one."""
        password: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]
        if self.two_factor_at is None:
            return password
        signed = f"{password}{self.two_factor_at.isoformat()}"
        return salted_hmac("flowpilot.accounts.two_factor", signed, secret=secret, algorithm="sha256").hexdigest()

    @cached_property
    def active_memberships(self) -> list["Membership"]:
        return list(self.memberships.select_related("account").order_by("pk"))

    def tenant_grants(self, permission: str) -> list[Grant] | None:
        """(account id, team id or None) pairs where a role of this user holds `permission`; None is everywhere."""
        if not self.is_active:
            return []
        if self.is_superuser:
            return None
        return [(m.account_id, m.team_id) for m in self.active_memberships if role_grants(m.role, permission)]

    def only_account(self) -> Account:
        """The account of a member of just one. Raises InvalidInput for everyone else."""
        accounts = [m.account for m in self.active_memberships]
        if len(accounts) != 1:
            raise InvalidInput("say which account: this log-in belongs to none or to several")
        return accounts[0]


class Membership(TenantModel):
    """A user's role in an account, for the whole of it or for one team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="memberships",
        help_text="Leave empty for the whole account.",
    )

    class Meta:
        ordering = ["account", "user__email"]
        constraints = [
            models.UniqueConstraint(fields=["account", "user"], name="one_membership_in_account"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role"),
            models.CheckConstraint(condition=~Q(role=Role.OWNER) | Q(team=None), name="owner_of_whole_account"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"

    @property
    def role_enum(self) -> Role:
        return Role(self.role)

    def clean(self) -> None:
        if self.team_id and self.team and self.team.account_id != self.account_id:
            raise ValidationError({"team": "This team belongs to another account."})
        if self.team_id and self.role == Role.OWNER:
            # Who hands out roles and keys could lift the limit from themselves.
            raise ValidationError({"team": "An owner owns the whole account: leave the team empty."})


class ApiKey(TenantModel):
    """A key for another service. Only hashes of its secrets are kept; it acts as the user of its membership."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    secret_hash = models.CharField(max_length=64)
    # The secret before the last rotation, which works until then.
    previous_hash = models.CharField(max_length=64, blank=True)
    previous_until = models.DateTimeField("former secret works until", null=True, blank=True)
    membership = models.OneToOneField(Membership, on_delete=models.CASCADE, related_name="api_key")
    scopes = ArrayField(
        models.CharField(max_length=40),
        null=True,
        blank=True,
        help_text="What the key is narrowed to. With none chosen it may do all that its role may.",
    )
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["account", "prefix"], name="api_key_prefix_in_account")]

    def __str__(self) -> str:
        return self.name


class TotpDevice(models.Model):
    """The app that makes somebody's codes. Its secret is sealed; the last code that was good is good no more."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="totp_device")
    secret = models.BinaryField()
    # Half minutes since 1970 at the last good code.
    last_counter = models.BigIntegerField()
    failures = models.PositiveSmallIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"second factor of {self.user}"


class RecoveryCode(models.Model):
    """Opens somebody's account once in place of the app's code. Only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "code_hash"], name="recovery_code_of_user")]

    def __str__(self) -> str:
        return f"recovery code of {self.user}"


class SavedView(models.Model):
    """A list as somebody likes to see it: its filters, search and order, under a name of their own."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=100, help_text="The name of the page's address, such as the review queue's.")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "page", "name"], name="saved_view_name_of_user")]

    def __str__(self) -> str:
        return self.name
