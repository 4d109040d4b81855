"""Small made-up shops: people and everything around them, as rows and as plain objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from loyalty import clock
from loyalty.consent import consent
from loyalty.customers import customer, telegram_chat
from loyalty.events import event
from loyalty.feedback.tables import rating
from loyalty.ids import new_id
from loyalty.messaging.tables import click, outbox, touch
from loyalty.receipts import customer_day, customer_stats, purchase, purchase_line, purchase_return
from loyalty.referrals.tables import referral
from loyalty.stamps.tables import stamp_balance
from loyalty.vouchers.tables import voucher
from loyalty.wallet.tables import account, lot

ZONE = "Europe/Moscow"
CATEGORIES = ("масло", "Масло", "МАСЛО", "coffee", "Чай", None)
NAMES = ("Масло 5W-40", "МАСЛО 10w", "Зелёный чай", None)
_EDGE_DAYS = (0, 1, 3, 14, 29, 30, 31, 60, 61, 90, 91, 180)
# Mostly where a condition turns over, to the hour.
HOURS = st.one_of(
    st.sampled_from(_EDGE_DAYS).map(lambda days: days * 24),
    st.sampled_from(_EDGE_DAYS).map(lambda days: days * 24 + 23),
    st.integers(0, 24 * 400),
)


@dataclass(slots=True, kw_only=True)
class Bought:
    """A purchase so many hours ago: (category, name, quantity, price, discount, returned)."""

    hours: int
    outlet: int | None
    lines: Sequence[tuple[str | None, str | None, int, int, int, int]]
    undone: bool

    @property
    def total(self) -> int:
        return sum(quantity * price - off for _, _, quantity, price, off, _ in self.lines)

    @property
    def returned(self) -> int:
        return sum(worth(line) - left(line) for line in self.lines)


def worth(line: tuple[Any, ...]) -> int:
    """What a line cost."""
    _, _, quantity, price, off, _ = line
    return int(quantity * price - off)


def left(line: tuple[Any, ...]) -> int:
    """What of it was kept."""
    _, _, quantity, _, _, returned = line
    return int(worth(line) * (quantity - returned) // quantity)


@dataclass(slots=True, kw_only=True)
class Person:
    """A customer; times in hours before (or, of lots and coupons, after) now."""

    status: str = "active"
    merged: bool = False
    language: str = "ru"
    sex: str | None = None
    city: str | None = None
    source: str | None = None
    outlet: int | None = None
    joined: int | None = 0
    born: tuple[int, int, int | None] | None = None  # month, day, year
    tier: str = "bronze"
    tags: list[str] | None = None
    fields: dict[str, Any] | None = None
    leaving: bool = False
    reachable: bool | None = None
    consents: list[bool] = field(default_factory=list)
    bought: list[Bought] = field(default_factory=list)
    lots: list[tuple[int, int, int | None]] = field(default_factory=list)  # left, active, expires
    held: int = 0
    stamps: int | None = None
    coupons: list[tuple[str, int | None]] = field(default_factory=list)
    scores: list[tuple[int, int]] = field(default_factory=list)  # hours ago, score
    events: list[int] = field(default_factory=list)
    sent: list[tuple[int, str, str, int]] = field(default_factory=list)  # hours, chain, state, taps
    friends: list[str] = field(default_factory=list)
    id: int = 0


_LINE = st.tuples(
    st.sampled_from(CATEGORIES),
    st.sampled_from(NAMES),
    st.integers(1, 3),
    st.sampled_from([100_00, 333_33, 5_000_00]),
    st.sampled_from([0, 50_00]),
    st.integers(0, 1),
)
_BOUGHT = st.builds(
    Bought,
    hours=HOURS,
    outlet=st.sampled_from([None, 1, 2]),
    lines=st.lists(_LINE, min_size=1, max_size=2),
    undone=st.sampled_from([False, False, False, True]),
)
_FIELDS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "car": st.sampled_from(["BMW", "Лада", "лада", ""]),
            "year": st.sampled_from([2008, 2020, "2020", "-3", "new", 1.5, None, [1]]),
            "insurance": st.sampled_from(["2026-03-02", "2026-03-16", "2027-01-01", "soon", 7]),
        },
    ),
)
_PERSON = st.builds(
    Person,
    status=st.sampled_from(["active", "active", "active", "anonymous", "blocked", "erased"]),
    merged=st.sampled_from([False, False, False, False, True]),
    language=st.sampled_from(["ru", "en"]),
    sex=st.sampled_from([None, "f", "m"]),
    city=st.sampled_from([None, "Москва", "москва", "Казань"]),
    source=st.sampled_from([None, "poster"]),
    outlet=st.sampled_from([None, 1, 2]),
    joined=st.one_of(st.none(), HOURS),
    born=st.one_of(
        st.none(),
        st.tuples(
            st.sampled_from([1, 2, 3, 12]), st.integers(1, 29), st.sampled_from([None, 1990])
        ),
    ),
    tier=st.sampled_from(["bronze", "silver", "gold", "gone"]),
    tags=st.one_of(st.none(), st.lists(st.sampled_from(["a", "б", 'q"\\']), max_size=2)),
    fields=_FIELDS,
    leaving=st.sampled_from([False, False, True]),
    reachable=st.sampled_from([None, True, False]),
    consents=st.lists(st.booleans(), max_size=3),
    bought=st.lists(_BOUGHT, max_size=4),
    lots=st.lists(
        st.tuples(
            st.sampled_from([0, 5, 100]),
            st.sampled_from([-24, 0, 24]),
            st.sampled_from([None, 0, 1, 24 * 3, 24 * 14, 24 * 15, 24 * 40]),
        ),
        max_size=3,
    ),
    held=st.sampled_from([0, 0, 3, 1000]),
    stamps=st.sampled_from([None, 0, 3]),
    coupons=st.lists(
        st.tuples(st.sampled_from(["active", "redeemed"]), st.sampled_from([None, -1, 24])),
        max_size=2,
    ),
    scores=st.lists(st.tuples(HOURS, st.integers(1, 5)), max_size=3),
    events=st.lists(HOURS, max_size=3),
    sent=st.lists(
        st.tuples(
            HOURS,
            st.sampled_from(["welcome", "other"]),
            st.sampled_from(["sent", "skipped"]),
            st.integers(0, 2),
        ),
        max_size=3,
    ),
    friends=st.lists(st.sampled_from(["invited", "pending", "rewarded", "declined"]), max_size=2),
)
PEOPLE = st.lists(_PERSON, min_size=1, max_size=5)


class Shop:
    """People put down as rows, everything relative to ``now``."""

    def __init__(self, people: list[Person], now: datetime) -> None:
        self.people, self.now = people, now
        self.rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)

    def ago(self, hours: float) -> datetime:
        """The moment so many hours before now."""
        return self.now - timedelta(hours=hours)

    def day(self, hours: float) -> date:
        """The business day of that moment."""
        return clock.local_date(self.ago(hours), ZONE)

    def put(self, session: Session, outlets: Sequence[int]) -> None:
        """Write it all; ``outlets`` are the ids of numbers 1 and 2."""
        for person in self.people:
            person.id = new_id()
            self._profile(person, outlets)
            self._purchases(person, outlets)
            self._wallet(person)
            self._talk(person)
        friends = [(p, status) for p in self.people for status in p.friends]
        for person, status in friends:
            friend = Person(id=new_id(), status="erased")
            self._profile(friend, outlets)
            self._add(
                referral,
                friend_id=friend.id,
                referrer_id=person.id,
                status=status,
                started_at=self.now,
            )
        order = (customer, telegram_chat, purchase)
        for table in (*order, *(one for one in self.rows if one not in order)):
            for row in self.rows[table]:
                session.execute(sa.insert(table).values(row))

    def _add(self, table: sa.Table, **row: Any) -> None:
        self.rows[table].append(row)

    def _profile(self, p: Person, outlets: Sequence[int]) -> None:
        month, day, year = p.born or (None, None, None)
        self._add(
            customer,
            id=p.id,
            status=p.status,
            language=p.language,
            sex=p.sex,
            city=p.city,
            source=p.source,
            home_outlet_id=None if p.outlet is None else outlets[p.outlet - 1],
            joined_at=None if p.joined is None else self.ago(p.joined),
            created_at=self.ago(0),
            birth_month=month,
            birth_day=day,
            birth_year=year,
            tier=p.tier,
            tags=p.tags,
            fields=p.fields,
            merged_into=1 if p.merged else None,
            erase_after=self.ago(-24) if p.leaving else None,
        )
        if p.reachable is not None:
            moments = {"first_seen_at": self.now, "last_seen_at": self.now}
            mine = {"telegram_id": p.id, "customer_id": p.id, "language": "ru"}
            self._add(telegram_chat, **mine, reachable=p.reachable, **moments)
        for n, granted in enumerate(p.consents):
            self._add(
                consent,
                id=new_id(),
                customer_id=p.id,
                purpose="ads:telegram",
                granted=granted,
                at=self.ago(10 - n),
                text_version=1,
                text_sha256="0",
                language="ru",
                channel="bot",
                evidence=str(n),
            )

    def _purchases(self, p: Person, outlets: Sequence[int]) -> None:
        days: dict[date, list[int]] = defaultdict(lambda: [0, 0])
        for one in p.bought:
            if one.undone:
                one.lines = [(*line[:5], line[2]) for line in one.lines]
            self._purchase(p, one, outlets)
            day = days[self.day(one.hours)]
            day[0] += not one.undone
            day[1] += one.total - one.returned
        for when, (orders, spent) in days.items():
            self._add(customer_day, customer_id=p.id, day=when, orders=orders, spent=spent)
        kept = [one for one in p.bought if not one.undone]
        if kept:
            self._add(
                customer_stats,
                customer_id=p.id,
                orders=len(kept),
                spent=sum(one.total - one.returned for one in p.bought),
                first_purchase_at=self.ago(max(one.hours for one in kept)),
                last_purchase_at=self.ago(min(one.hours for one in kept)),
            )

    def _purchase(self, p: Person, one: Bought, outlets: Sequence[int]) -> None:
        key = new_id()
        self._add(
            purchase,
            id=key,
            customer_id=p.id,
            outlet_id=None if one.outlet is None else outlets[one.outlet - 1],
            source="pos",
            business_date=self.day(one.hours),
            sold_at=self.ago(one.hours),
            recorded_at=self.ago(one.hours),
            gross=one.total,
            total=one.total,
            returned=one.returned,
        )
        for n, (category, name, quantity, price, off, returned) in enumerate(one.lines, 1):
            self._add(
                purchase_line,
                purchase_id=key,
                n=n,
                category=category,
                name=name,
                quantity_milli=quantity * 1000,
                price=price,
                amount=quantity * price,
                discount=off,
                returned_milli=returned * 1000,
            )
        if one.undone:
            self._add(
                purchase_return,
                id=new_id(),
                purchase_id=key,
                customer_id=p.id,
                at=self.now,
                actor="system",
                amount=one.total,
                money_back=one.total,
                lines=[],
                undo=True,
            )

    def _wallet(self, p: Person) -> None:
        self._add(account, customer_id=p.id, posted=0, held=p.held, debt=0)
        for remaining, active, expires in p.lots:
            self._add(
                lot,
                id=new_id(),
                customer_id=p.id,
                granted=100,
                remaining=remaining,
                held=0,
                earned_at=self.now,
                active_from=self.ago(-active),
                expires_at=None if expires is None else self.ago(-expires),
                kind="gift",
            )
        if p.stamps is not None:
            mine = {"customer_id": p.id, "card_key": "coffee", "stamps": p.stamps}
            self._add(stamp_balance, **mine, debt=0, cards=0)
        for status, ends in p.coupons:
            self._add(
                voucher,
                id=new_id(),
                code=str(new_id()),
                kind="coupon",
                name={},
                customer_id=p.id,
                status=status,
                ends_at=None if ends is None else self.ago(-ends),
                source_kind="test",
                created_by="system",
                created_at=self.now,
            )

    def _talk(self, p: Person) -> None:
        for hours, score in p.scores:
            at = {"rated_at": self.ago(hours), "updated_at": self.now}
            self._add(
                rating, id=new_id(), customer_id=p.id, purchase_id=new_id(), score=score, **at
            )
        for hours in p.events:
            what = {"type": "cart_updated", "actor": "system", "data": {}}
            self._add(event, id=new_id(), at=self.ago(hours), customer_id=p.id, **what)
        for n, (hours, chain, state, taps) in enumerate(p.sent):
            self._message(p, n, self.ago(hours), f"chain:{chain}", state, taps)

    def _message(self, p: Person, n: int, at: datetime, source: str, state: str, taps: int) -> None:
        touch_id, outbox_id = new_id(), new_id()
        when = {"due_at": at, "deadline": at}
        mine = {"customer_id": p.id, "message_class": "trigger"}
        what = {"source": source, "step": str(n), "occurrence": "1", "decision": "send"}
        self._add(touch, id=touch_id, decided_at=at, **mine, **what, **when)
        out = {"chat_id": 1, "payload": {}, "priority": 1, "attempts": 1, "created_at": at}
        left_at = at if state == "sent" else None
        self._add(
            outbox,
            id=outbox_id,
            key=str(outbox_id),
            state=state,
            left_at=left_at,
            touch_id=touch_id,
            **mine,
            **out,
            **when,
        )
        for _ in range(taps):
            tapped = {"id": new_id(), "at": at, "outbox_id": outbox_id, "customer_id": p.id}
            self._add(click, **tapped, source=source, kind="button", target="card")
