"""`manage.py add_member --account SLUG --role ROLE EMAIL`: a log-in for an account."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flowpilot.accounts.models import Account, Team, User
from flowpilot.accounts.roles import Role
from flowpilot.accounts.services import membership_create
from flowpilot.common.errors import ServiceError


class Command(BaseCommand):
    help = "Make somebody a member of an account. A new log-in gets a password, which is printed once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--account", required=True, metavar="SLUG")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--name", default="", help="the person's name")
        parser.add_argument("--team", help="limit the member to this team")

    def handle(self, *args: Any, **options: Any) -> None:
        account = Account.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"no account has the slug {options['account']!r}")
        team = None
        if options["team"] and (team := Team.objects.filter(account=account, name=options["team"]).first()) is None:
            raise CommandError(f"{account} has no team {options['team']!r}")
        is_new = not User.objects.filter(email=options["email"].lower()).exists()
        password = secrets.token_urlsafe(12)
        try:
            membership_create(
                actor=None,
                account=account,
                email=options["email"],
                full_name=options["name"],
                role=options["role"],
                team=team,
                password=password,
            )
        except ServiceError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{options['email']} is now {options['role']} of {account}.")
        self.stdout.write(f"Password: {password}" if is_new else "They keep the password they have.")
