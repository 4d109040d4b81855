"""Past purchases with their customers, read in chunks: memory stays flat however many there are.

Nothing is written, and the whole replay sees one moment: a read-only transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, promotions
from loyalty import program as programs
from loyalty.db.fast import as_json, as_time, fetch, is_postgres
from loyalty.dryrun.model import ALL, Bought, Guest, Points, Question
from loyalty.program import Program
from loyalty.promotions import Facts
from loyalty.promotions.model import BonusStamps
from loyalty.purchases.pricing import redeem_limit
from loyalty.receipts import Line, Receipt
from loyalty.staff import outlet
from loyalty.stamps import pieces
from loyalty.tiers import window_start

CHUNK = 2_000
"""Purchases read at once."""

_HEAD = (
    "SELECT p.id, p.customer_id, p.outlet_id, p.business_date, p.sold_at, p.total, p.redeemed,"
    " p.returned, p.program_version_id, p.pricing, p.attached_at, p.source FROM purchase p"
)
_WITHIN = " NOT p.unlinked_return AND p.business_date >= $1 AND p.business_date <= $2"
_KNOWN = (
    f"{_HEAD} WHERE{_WITHIN} AND p.customer_id >= $3 AND (p.customer_id, p.sold_at, p.id) >"
    " ($3, $4, $5) ORDER BY p.customer_id, p.sold_at, p.id LIMIT $6"
)
_NAMELESS = f"{_HEAD} WHERE{_WITHIN} AND p.customer_id IS NULL AND p.id > $3 ORDER BY p.id LIMIT $4"
_COUNT = (
    "SELECT COUNT(p.customer_id), COUNT(*), MIN(p.business_date), MAX(p.business_date)"  # noqa: S608
    f" FROM purchase p WHERE{_WITHIN}"
)
_LINES = (
    "SELECT purchase_id, sku, name, category, quantity_milli, price, amount, discount,"
    " points_paid, earn_base, no_earn, no_redeem FROM purchase_line WHERE purchase_id {among}"
    " ORDER BY purchase_id, n"
)
_GUESTS = (
    "SELECT id, tier_floor, joined_at, birth_day, birth_month, tags FROM customer WHERE id {among}"
)
# Points that no receipt brought. What goals gave is replayed, what returns gave back is not.
_POINTS = (
    "SELECT customer_id, kind, granted, earned_at, active_from, expires_at FROM lot"
    " WHERE customer_id {among} AND purchase_id IS NULL AND kind <> 'refund' AND earned_at >= $2"
    " AND earned_at < $3 ORDER BY customer_id, earned_at, id"
)
_TAKEN = (
    "SELECT customer_id, at, amount, source_kind FROM entry WHERE customer_id {among}"
    " AND (source_kind = 'goal' OR (kind = 'adjustment' AND amount < 0)) AND at >= $2 AND at < $3"
)
_BEFORE = (
    "SELECT customer_id, COUNT(*), MAX(sold_at) FROM purchase WHERE customer_id {among}"
    " AND NOT unlinked_return AND business_date < $2 GROUP BY customer_id"
)
_FIRST_MOMENT = datetime(1, 1, 1, tzinfo=UTC)

_zone = lru_cache(maxsize=64)(clock.zone)


class Extent(NamedTuple):
    """How many purchases there are to replay, with and without a card, and on which days."""

    known: int
    all: int
    first: date | None
    last: date | None


@dataclass(slots=True)
class Reader:
    """Reads what a question is about. ``begin``: the first day of the replay, which is a year
    before the asked days, so that tiers and balances stand as they would."""

    session: Session
    question: Question
    begin: date = date.min
    _zones: dict[int | None, str] = field(default_factory=dict)
    _programs: dict[int | None, Program] = field(default_factory=dict)
    _cards: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = self.question.from_day
        self.begin = date(1, 1, 1) if first is None else window_start(first)
        self._zones = {
            row.id: row.time_zone
            for row in self.session.execute(sa.select(outlet.c.id, outlet.c.time_zone))
        }
        self._cards = {card.key: card for card in self.question.baseline.program.stamp_cards}

    def extent(self, since: date | None = None) -> Extent:
        """What there is from ``since`` (default: where the replay begins) to the last day."""
        first = since or self.begin
        row = fetch(self.session, _COUNT, first, self.question.to_day)[0]
        return Extent(row[0], row[1], _as_day(row[2]), _as_day(row[3]))

    def by_guest(self) -> Iterator[tuple[Guest, Bought]]:
        """Every purchase with a card: customer by customer, in the order of time."""
        after: tuple[int, datetime, int] = (0, _FIRST_MOMENT, 0)
        guests: dict[int, Guest] = {}
        while True:
            rows = fetch(self.session, _KNOWN, self.begin, self.question.to_day, *after, CHUNK)
            if not rows:
                return
            last = rows[-1]
            ids = sorted({row[1] for row in rows})
            # Who was cut off by the end of the last chunk goes on as the same guest.
            guests = {
                **self._guests([key for key in ids if key not in guests]),
                **{key: guests[key] for key in ids if key in guests},
            }
            for row, lines in self._with_lines(rows):
                yield guests[row[1]], self._bought(row, lines)
            after = (last[1], as_time(last[4]) or _FIRST_MOMENT, last[0])

    def nameless(self) -> Iterator[Bought]:
        """Every purchase without a card."""
        after = 0
        while True:
            rows = fetch(self.session, _NAMELESS, self.begin, self.question.to_day, after, CHUNK)
            if not rows:
                return
            for row, lines in self._with_lines(rows):
                yield self._bought(row, lines)
            after = rows[-1][0]

    def _fetch(self, sql: str, ids: Sequence[int], *more: Any) -> Sequence[Sequence[Any]]:
        if is_postgres(self.session):
            among = "= ANY($1::bigint[])"
        else:
            among = "IN (SELECT value FROM json_each($1))"
        return fetch(self.session, sql.format(among=among), list(ids), *more)

    def _with_lines(
        self, rows: Sequence[Sequence[Any]]
    ) -> Iterator[tuple[Sequence[Any], list[Sequence[Any]]]]:
        by_purchase: dict[int, list[Sequence[Any]]] = {}
        for line in self._fetch(_LINES, [row[0] for row in rows]):
            by_purchase.setdefault(line[0], []).append(line)
        for row in rows:
            yield row, by_purchase.get(row[0], [])

    # --- customers ---------------------------------------------------------------------------

    def _guests(self, ids: Sequence[int]) -> dict[int, Guest]:
        if not ids:
            return {}
        guests = {
            row[0]: Guest(
                id=row[0],
                floor=row[1],
                joined_at=as_time(row[2]),
                birth_day=row[3],
                birth_month=row[4],
                tags=as_json(row[5]) or (),
            )
            for row in self._fetch(_GUESTS, ids)
        }
        if self.question.from_day is not None:
            for customer_id, orders, last_at in self._fetch(_BEFORE, ids, self.begin):
                guests[customer_id].orders = orders
                guests[customer_id].last_at = as_time(last_at)
        for customer_id, points in self._points(ids).items():
            guests[customer_id].points = points
        return guests

    def _points(self, ids: Sequence[int]) -> Mapping[int, list[Points]]:
        zone = self.question.time_zone
        since = _FIRST_MOMENT
        if self.question.from_day is not None:
            since = clock.start_of_day(self.begin, zone)
        until = clock.start_of_day(self.question.to_day + timedelta(days=1), zone)
        found: dict[int, list[Points]] = {}
        goals: set[tuple[int, datetime | None, int]] = set()
        for customer_id, at, amount, source in self._fetch(_TAKEN, ids, since, until):
            moment = as_time(at) or _FIRST_MOMENT
            if source == "goal":
                goals.add((customer_id, moment, amount))
            else:
                taken = Points("adjustment", amount, moment, moment, None)
                found.setdefault(customer_id, []).append(taken)
        for row in self._fetch(_POINTS, ids, since, until):
            earned_at = as_time(row[3]) or _FIRST_MOMENT
            if (row[0], earned_at, row[2]) not in goals:
                given = Points(
                    row[1], row[2], earned_at, as_time(row[4]) or earned_at, as_time(row[5])
                )
                found.setdefault(row[0], []).append(given)
        for several in found.values():
            several.sort(key=lambda one: one.earned_at)
        return found

    # --- purchases ---------------------------------------------------------------------------

    def _bought(self, row: Sequence[Any], found: Sequence[Sequence[Any]]) -> Bought:
        pricing: Mapping[str, Any] = as_json(row[9]) or {}
        at = as_time(row[4]) or _FIRST_MOMENT
        zone = self._zones.get(row[2], self.question.time_zone)
        fixed = row[10] is not None
        taken: Sequence[int] = () if fixed else pricing.get("off", ())
        less = [line[7] for line in found]
        if taken:
            less = [max(0, had - off) for had, off in zip(less, taken, strict=True)]
        bought = Bought(
            id=row[0],
            outlet_id=row[2],
            day=_as_day(row[3]) or at.date(),
            at=at,
            local=at.astimezone(_zone(zone)),
            zone=zone,
            lines=[_line(line, own) for line, own in zip(found, less, strict=True)],
            total=row[5],
            returned=row[7],
            voucher_free=pricing.get("free", ()) if fixed else (),
            fixed=fixed,
        )
        if any("voucher" in item for item in pricing.get("discounts", ())) and not fixed:
            self._vouchers(bought, pricing)
        if row[11] != "import":
            bought.other = _other(found)
        if row[6]:
            bought.wants = self._wants(row[6], row[8], at, found)
        stamps = pricing.get("stamps")
        if stamps and all(line[1] is None and line[3] is None for line in found):
            bought.counted = self._counted(stamps, pricing, bought.lines)
        return bought

    def _vouchers(self, bought: Bought, pricing: Mapping[str, Any]) -> None:
        """What vouchers took off and gave free: all that was, less the promotions' part."""
        none = [0] * len(bought.lines)
        off, free = pricing.get("off", none), pricing.get("free", none)
        if pricing.get("promotions"):
            known = promotions.by_ids(self.session, pricing["promotions"])
            chosen = [known[i] for i in pricing["promotions"] if i in known]
            part = promotions.reduce(chosen, bought.lines, Facts.of_json(pricing["facts"]))
            off = [max(0, a - b) for a, b in zip(off, part.discounts, strict=True)]
            free = [max(0, a - b) for a, b in zip(free, part.free_pieces, strict=True)]
        bought.voucher_off, bought.voucher_free = off, free

    def _wants(
        self, redeemed: int, version_id: int | None, at: datetime, found: Sequence[Sequence[Any]]
    ) -> int:
        """What was spent; all that is allowed, where it was just that."""
        lines = [_line(line, line[7]) for line in found]
        limit = redeem_limit(Receipt(sold_at=at, lines=lines), self._program(version_id))
        return ALL if redeemed >= limit else redeemed

    def _program(self, version_id: int | None) -> Program:
        known = self._programs.get(version_id)
        if known is None:
            known = self.question.baseline.program
            if version_id is not None:
                known = programs.by_id(self.session, version_id).program
            self._programs[version_id] = known
        return known

    def _counted(
        self, stamps: Mapping[str, int], pricing: Mapping[str, Any], lines: Sequence[Line]
    ) -> dict[str, int]:
        """Of the stamps of a receipt without goods, those the cashier counted."""
        given: dict[str, int] = {}
        for live in promotions.by_ids(self.session, pricing.get("promotions", ())).values():
            effect = live.rules.effect
            if isinstance(effect, BonusStamps):
                given[effect.card] = given.get(effect.card, 0) + effect.stamps
        counted = {}
        for key, number in stamps.items():
            card = self._cards.get(key)
            rest = number - given.get(key, 0) - (pieces(card, lines) if card else 0)
            if rest > 0:
                counted[key] = rest
        return counted


def _as_day(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _line(row: Sequence[Any], discount: int) -> Line:
    return Line(
        amount=row[6],
        price=row[5],
        quantity_milli=row[4],
        sku=row[1],
        name=row[2],
        category=row[3],
        discount=discount,
        no_earn=bool(row[10]),
        no_redeem=bool(row[11]),
    )


def _other(found: Sequence[Sequence[Any]]) -> Sequence[int]:
    """By line, what was paid by means that earn nothing; empty if nothing was."""
    other = [0 if row[10] else max(0, row[6] - row[7] - row[8] - row[9]) for row in found]
    return other if any(other) else ()
