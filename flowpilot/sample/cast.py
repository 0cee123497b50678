"""The sample account's people, teams and clients. All invented; addresses use the `.example` domain."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "team_admin", "technician", "analyst", "service"]
PsaSystem = Literal["connectwise", "halopsa", "autotask"]

ACCOUNT_NAME = "Northwind MSP"
ACCOUNT_SLUG = "northwind"

SERVICE_DESK = "Service Desk"
FIELD = "Field"
MICROSOFT_365 = "Microsoft 365"
TEAMS = (SERVICE_DESK, FIELD, MICROSOFT_365)


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the account. `demo` marks the one log-in shown for each role."""

    email: str
    name: str
    role: Role
    team: str | None = None
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """A customer of the MSP: `code` starts its host names, `weight` is its share of the sessions.

    `hand_over` is the chance that a session there is handed over for reasons of the site itself.
    """

    name: str
    code: str
    weight: float
    psa: PsaSystem
    hand_over: float = 0.0


PEOPLE = (
    Person("marguerite@northwind.example", "Marguerite Oakes", "owner", demo=True),
    Person("alice@northwind.example", "Alice Hartmann", "team_admin", demo=True),
    Person("bob@northwind.example", "Bob Tranter", "technician", SERVICE_DESK, demo=True),
    Person("carol@northwind.example", "Carol Nwosu", "analyst", demo=True),
    Person("psa-sync@northwind.example", "PSA sync", "service", demo=True),
    Person("priya@northwind.example", "Priya Velloor", "technician", SERVICE_DESK),
    Person("tomasz@northwind.example", "Tomasz Brandt", "technician", SERVICE_DESK),
    Person("leila@northwind.example", "Leila Farrokh", "technician", SERVICE_DESK),
    Person("dana@northwind.example", "Dana Whitlock", "technician", SERVICE_DESK),
    Person("oskar@northwind.example", "Oskar Nyberg", "technician", FIELD),
    Person("mateo@northwind.example", "Mateo Carranza", "technician", FIELD),
    Person("ines@northwind.example", "Ines Albrecht", "technician", MICROSOFT_365),
    Person("jun@northwind.example", "Jun Ishigami", "technician", MICROSOFT_365),
)

#: The site without remote access: what cannot be done on the phone is handed over (see `gaps`).
HARD_CLIENT = "Greywater Engineering"

CLIENTS = (
    Client("Quillfeather Insurance", "QFI", 0.135, "connectwise"),
    Client("Saltmarsh Freight", "SMF", 0.115, "connectwise"),
    Client("Brackenhythe Council Services", "BCS", 0.11, "halopsa"),
    Client("Copperkettle Foods", "CKF", 0.1, "connectwise"),
    Client("Thistledown Legal", "TDL", 0.09, "autotask"),
    Client("Velmont Pharmacy Group", "VPG", 0.085, "halopsa"),
    Client("Oakhollow School Trust", "OST", 0.075, "connectwise"),
    Client("Tallow & Finch Architects", "TFA", 0.065, "autotask"),
    Client("Marrowdale Dental", "MDD", 0.055, "connectwise"),
    Client("Larkspur Veterinary", "LKV", 0.045, "halopsa"),
    Client("Lanternfish Media", "LFM", 0.04, "autotask"),
    Client("Ironbark Joinery", "IBJ", 0.03, "connectwise"),
    Client("Pennywhistle Toys", "PWT", 0.02, "halopsa"),
    Client(HARD_CLIENT, "GWE", 0.042, "autotask", hand_over=0.27),
)


def technicians(team: str) -> tuple[Person, ...]:
    """The technicians of one team, in the order of `PEOPLE`."""
    return tuple(p for p in PEOPLE if p.role == "technician" and p.team == team)
