"""What a till asked for when it placed a hold, kept until the hold is confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty.purchases.model import Line, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the till asked for, kept with the hold. ``seconds``: how long it lasts once agreed."""

    receipt: Receipt | None
    vouchers: Sequence[str]
    card_key: str | None
    seconds: int
    fingerprint: str
    # The till itself has voided the hold: to it the hold is gone.
    given_up: bool = False


_LINE = tuple(Line.__dataclass_fields__)


def as_json(wanted: Wanted) -> dict[str, Any]:
    """As it is kept in the database."""
    receipt = None
    if wanted.receipt is not None:
        receipt = {
            "sold_at": wanted.receipt.sold_at.isoformat(),
            "number": wanted.receipt.number,
            "register": wanted.receipt.register,
            "other_paid": wanted.receipt.other_paid,
            "lines": [{n: getattr(line, n) for n in _LINE} for line in wanted.receipt.lines],
        }
    return {
        "receipt": receipt,
        "vouchers": list(wanted.vouchers),
        "card_key": wanted.card_key,
        "seconds": wanted.seconds,
        "fingerprint": wanted.fingerprint,
        "given_up": wanted.given_up,
    }


def of_json(request: Mapping[str, Any]) -> Wanted:
    """What ``as_json`` kept."""
    kept = request["receipt"]
    receipt = None
    if kept is not None:
        receipt = Receipt(
            sold_at=datetime.fromisoformat(kept["sold_at"]),
            lines=tuple(Line(**line) for line in kept["lines"]),
            number=kept["number"],
            register=kept["register"],
            other_paid=kept["other_paid"],
        )
    return Wanted(
        receipt=receipt,
        vouchers=tuple(request["vouchers"]),
        card_key=request["card_key"],
        seconds=request["seconds"],
        fingerprint=request["fingerprint"],
        given_up=request["given_up"],
    )
