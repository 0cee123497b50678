"""The names that no text of an account may show elsewhere."""

from flowpilot.accounts.models import Membership
from flowpilot.accounts.roles import Role
from flowpilot.llm.masking import PrivateNames, names_from
from sessions.models import AISession, Client


def private_names(account_id: int) -> PrivateNames:
    """The account's clients, and its people: members by name and address, and technicians who never logged in."""
    clients = Client.objects.filter(account=account_id).values_list("name", flat=True)
    members = Membership.objects.filter(account=account_id).exclude(role=Role.SERVICE)
    people = {name for pair in members.values_list("user__full_name", "user__email") for name in pair}
    emails = AISession.objects.filter(account=account_id).exclude(technician_email="").order_by()
    people.update(emails.values_list("technician_email", flat=True).distinct())
    return names_from(clients, people)
