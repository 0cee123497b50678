"""Calls to a language model, of all kinds."""

import random
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from flowpilot.accounts.models import Account
from flowpilot.llm.models import Fallback, ModelCall, Purpose

REASONS = ["", "", "", Fallback.TIMEOUT, Fallback.WRONG_SCHEMA, Fallback.BUDGET]


def make_calls(account: Account, count: int, seed: int = 7) -> None:
    dice, now = random.Random(seed), timezone.now()
    for number in range(count):
        reason = dice.choice(REASONS)
        sent = reason != Fallback.BUDGET
        call = ModelCall.objects.create(
            account=account,
            purpose=dice.choice([Purpose.WORDING, Purpose.WORDING, Purpose.SUMMARY]),
            subject=f"proposal {number}",
            provider="compatible",
            model=dice.choice(["small", "large"]),
            fallback=reason,
            attempts=dice.randint(1, 3) if sent else 0,
            input_tokens=dice.randint(1, 900) if sent else 0,
            output_tokens=dice.randint(0, 200) if sent else 0,
            cost=Decimal(dice.randint(1, 9_999)) / 1_000_000 if sent and dice.random() < 0.7 else None,
            milliseconds=dice.randint(200, 20_000) if sent else 3,
        )
        ModelCall.objects.filter(pk=call.pk).update(created_at=now - timedelta(hours=dice.randint(0, 60 * 24)))
