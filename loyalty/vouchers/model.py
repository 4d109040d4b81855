"""What a voucher is, as the rooms above see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from loyalty.db.fast import as_json, as_time
from loyalty.program.effects import LocalText, VoucherEffect

PROMO_CODE, COUPON, GIFT_CARD = "promo_code", "coupon", "gift_card"
KINDS = (PROMO_CODE, COUPON, GIFT_CARD)
INACTIVE, ACTIVE, REDEEMED = "inactive", "active", "redeemed"
EXPIRED, BLOCKED = "expired", "blocked"
STATUSES = (INACTIVE, ACTIVE, REDEEMED, EXPIRED, BLOCKED)

_EFFECT: TypeAdapter[Any] = TypeAdapter(VoucherEffect)

COLUMNS = (
    "id, code, kind, name, customer_id, status, effect, minimum, segment, combines, total_limit,"
    " customer_limit, used, granted, balance, starts_at, ends_at, source_kind, issue_key"
)


@dataclass(slots=True, kw_only=True)
class Voucher:
    """A voucher as it was read. Sums in minor units; a gift card has no effect but a balance."""

    id: int
    code: str
    kind: str
    name: LocalText
    # Whose it is; None: whoever shows it.
    customer_id: int | None
    status: str
    effect: Any | None
    minimum: int
    segment: str | None
    combines: bool
    total_limit: int | None
    customer_limit: int | None
    used: int
    granted: int | None
    balance: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    source_kind: str
    issue_key: str | None

    @property
    def is_gift_card(self) -> bool:
        """Whether it pays instead of taking off."""
        return self.kind == GIFT_CARD


@dataclass(frozen=True, slots=True)
class Issued:
    """A voucher that was just made."""

    id: int
    code: str
    name: LocalText
    ends_at: datetime | None
    issue_key: str | None = None


def of_row(row: Sequence[Any]) -> Voucher:
    """A voucher from a row of ``COLUMNS``, whichever driver read it."""
    effect = as_json(row[6])
    return Voucher(
        id=row[0],
        code=row[1],
        kind=row[2],
        name=LocalText.model_validate(as_json(row[3])),
        customer_id=row[4],
        status=row[5],
        effect=None if effect is None else _EFFECT.validate_python(effect),
        minimum=row[7],
        segment=row[8],
        combines=bool(row[9]),
        total_limit=row[10],
        customer_limit=row[11],
        used=row[12],
        granted=row[13],
        balance=row[14],
        starts_at=as_time(row[15]),
        ends_at=as_time(row[16]),
        source_kind=row[17],
        issue_key=row[18],
    )
