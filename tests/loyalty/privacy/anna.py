"""Anna, who has left traces in every room, and a look through the whole database for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import consent, customers, events, idempotency, joining, messaging, purchases, wallet
from loyalty.chains.tables import chain, chain_member, chain_version, enrolment
from loyalty.consent import ADS_TELEGRAM, PERSONAL_DATA
from loyalty.customers import customer, external_id, telegram_chat
from loyalty.db import Rows
from loyalty.feedback.tables import rating, talk, talk_message
from loyalty.ids import new_id
from loyalty.inbox import inbox
from loyalty.messaging.tables import click, outbox
from loyalty.purchases.tables import sale_draft
from loyalty.receipts import purchase
from loyalty.referrals.tables import referral
from loyalty.tables import metadata
from loyalty.tasks.tables import task
from loyalty.tokens import Keys
from loyalty.vouchers.tables import voucher
from loyalty.wallet.tables import till_hold
from tests.world import ZONE, World

KEYS = Keys("a secret of the tests")
PHONE, CHAT = "+79161234567", 7_031_337_001
MARK = "Zinaida"
"""A word that stands in every free text about her and nowhere else."""

TRACES = (MARK, MARK.upper(), "9161234567", str(CHAT), "zina@example.org", "Lukomorye", "ERP-4711")


@dataclass
class Anna:
    """Her card, and what of it a till or a friend still holds."""

    world: World
    id: int
    token: str
    code: str
    purchase_id: int
    gift_card: int


async def move_in(world: World) -> Anna:
    """Join, buy, write, complain, be written to; a trace in every table that can hold one."""
    customer_id = await _join(world, chat=CHAT, phone=PHONE, name=f"{MARK} P.")
    bought = await world.sell(customer_id, 90_000)
    await world.sell(customer_id, 40_000, redeem=50)
    friend = await world.customer()
    showing, gift_card = await world.db.transact(
        lambda s: _leave_traces(s, world, customer_id, friend, bought.purchase_id)
    )
    return Anna(world, customer_id, showing.token, showing.code, bought.purchase_id, gift_card)


async def _join(world: World, *, chat: int, phone: str, name: str) -> int:
    def unit(session: Session) -> int:
        consent.ensure_texts(session, now=world.now)
        customers.open_chat(session, telegram_id=chat, language="en", now=world.now)
        given = joining.Agreement(version=1, language="en", at=world.now, evidence=f"u:{new_id()}")
        joined = joining.join(
            session,
            keys=KEYS,
            telegram_id=chat,
            phone=phone,
            name=name,
            agreement=given,
            source="poster",
            time_zone=ZONE,
            now=world.now,
        )
        return joined.customer_id

    return await world.db.transact(unit)


async def join_again(world: World, *, chat: int = CHAT, phone: str = PHONE) -> joining.Joined:
    """Somebody joins with her phone; how it went."""

    def unit(session: Session) -> joining.Joined:
        customers.open_chat(session, telegram_id=chat, language="en", now=world.now)
        given = joining.Agreement(version=1, language="en", at=world.now, evidence=f"u:{new_id()}")
        return joining.join(
            session,
            keys=KEYS,
            telegram_id=chat,
            phone=phone,
            name="New",
            agreement=given,
            source=None,
            time_zone=ZONE,
            now=world.now,
        )

    return await world.db.transact(unit)


def _leave_traces(
    session: Session, world: World, who: int, friend: int, purchase_id: int
) -> tuple[customers.ShownCard, int]:
    now = world.now
    session.execute(
        sa.update(customer)
        .where(customer.c.id == who)
        .values(
            email="zina@example.org",
            birth_day=7,
            birth_month=4,
            birth_year=1991,
            sex="f",
            city="Lukomorye",
            tags=[f"{MARK}'s tag"],
            fields={"car": MARK},
            interests=[MARK],
            quiet_start=1,
            quiet_end=2,
        )
    )
    session.execute(sa.insert(external_id).values(system="erp", value="ERP-4711", customer_id=who))
    consent.record(
        session, customer_id=who, purpose=ADS_TELEGRAM, granted=True, language="en",
        channel="bot", evidence="update:2", now=now,
    )  # fmt: skip
    _write(session, who, purchase_id, now)
    _be_written_to(session, who, now)
    _till(session, world, who, now)
    for friend_id, referrer, status in ((friend, who, "review"),):
        session.execute(
            sa.insert(referral).values(
                friend_id=friend_id, referrer_id=referrer, status=status, started_at=now,
                due_at=now, purchase_id=purchase_id,
            )
        )  # fmt: skip
    _plans(session, who, now)
    gift_card = _vouchers(session, who, now)
    return customers.show_card(session, keys=KEYS, customer_id=who, now=now), gift_card


def _write(session: Session, who: int, purchase_id: int, now: Any) -> None:
    session.execute(
        sa.insert(rating).values(
            id=new_id(), customer_id=who, purchase_id=purchase_id, score=2,
            text=f"{MARK} was not served", rated_at=now, updated_at=now,
        )
    )  # fmt: skip
    talk_id = new_id()
    session.execute(
        sa.insert(talk).values(
            id=talk_id, customer_id=who, kind="rating", status="open", opened_at=now, last_at=now
        )
    )
    for author in (f"customer:{who}", "staff:1"):
        session.execute(
            sa.insert(talk_message).values(
                id=new_id(), talk_id=talk_id, at=now, author=author, text=f"Dear {MARK}",
                key=str(new_id()),
            )
        )  # fmt: skip
    for number, state, body in ((1, "failed", f"from {MARK}"), (2, "done", None)):
        session.execute(
            sa.insert(inbox).values(
                bot_id=42, update_id=number, chat_id=CHAT, body=body, state=state, attempts=1,
                received_at=now, handled_at=now, error=f"{MARK} broke it" if body else None,
            )
        )  # fmt: skip


def _be_written_to(session: Session, who: int, now: Any) -> None:
    rows = Rows()
    for n, (kind, text) in enumerate(
        (("service", f"Hello {MARK}"), ("trigger", f"{MARK}, come back"))
    ):
        messaging.enqueue(
            rows, customer_id=who, chat_id=CHAT, message_class=kind, key=f"m:{n}",
            payload={"text": text}, now=now,
        )  # fmt: skip
    messaging.enqueue(
        rows, customer_id=who, chat_id=CHAT + 1, message_class="service",
        key=f"card_moved:{who}:{CHAT}:9", payload={"text": "moved"}, now=now,
    )  # fmt: skip
    events.record(
        rows, type="site.viewed", customer_id=who, actor="key:1",
        data={"data": {"who": MARK}, "outlet_id": "1"}, now=now,
    )  # fmt: skip
    rows.put(session)
    session.execute(
        sa.update(outbox).where(outbox.c.key == "m:0").values(state="sent", left_at=now)
    )


def _till(session: Session, world: World, who: int, now: Any) -> None:
    idempotency.keep(
        session, client="key:1", key="k1", fingerprint="f", customer_id=who, now=now,
        answer=json.dumps({"name": MARK, "phone": PHONE}),
    )  # fmt: skip
    held = wallet.place_hold(
        session, customer_id=who, points=10, source_kind="till", source_id="1",
        expires_at=now + timedelta(hours=1), now=now,
    )  # fmt: skip
    session.execute(
        sa.insert(till_hold).values(
            hold_id=held.id, client="key:1", needs_tap=False, request={"note": f"for {MARK}"}
        )
    )
    session.execute(
        sa.insert(sale_draft).values(
            id=new_id(), card_key="n:abc", customer_id=who, staff_id=world.staff_id,
            outlet_id=world.outlet_id, may_redeem=True, status="open", created_at=now,
            updated_at=now, asked_chat_id=CHAT, asked_message_id=3,
        )
    )  # fmt: skip
    wallet.request_adjustment(
        session, adjustment_id=new_id(), customer_id=who, points=5, actor="staff:1",
        reason=f"{MARK} asked nicely", alone_up_to=100, now=now,
    )  # fmt: skip
    wallet.request_adjustment(
        session, adjustment_id=new_id(), customer_id=who, points=50, actor="staff:1",
        reason=f"{MARK} asked again", alone_up_to=1, now=now,
    )  # fmt: skip
    wallet.pause_spending(
        session, customer_id=who, reason=f"{MARK} lost her phone", until=None, actor="staff:1",
        now=now,
    )  # fmt: skip


def _plans(session: Session, who: int, now: Any) -> None:
    """A pass of a chain that knows her cart, a call about it, two clicks."""
    chain_id, version_id = new_id(), new_id()
    session.execute(sa.insert(chain).values(id=chain_id, key="trial", enabled=True, created_at=now))
    session.execute(
        sa.insert(chain_version).values(
            id=version_id, chain_id=chain_id, number=1, definition={}, published_at=now,
            author="staff:1",
        )
    )  # fmt: skip
    session.execute(
        sa.insert(enrolment).values(
            id=new_id(), chain_id=chain_id, chain_version_id=version_id, customer_id=who,
            occurrence="1", step=0, status="active", due_at=now, enrolled_at=now,
            subject={"category": MARK, "code": f"FOR{MARK.upper()}"},
        )
    )  # fmt: skip
    session.execute(sa.insert(chain_member).values(chain_id=chain_id, customer_id=who, since=now))
    for key, status in (("touch:1", "open"), ("touch:2", "done")):
        session.execute(
            sa.insert(task).values(
                id=new_id(), key=key, customer_id=who, source="chain:trial",
                title={"ru": "Позвонить", "en": "Call"}, status=status, note=f"{MARK} is angry",
                created_at=now, due_at=now,
            )
        )  # fmt: skip
    session.execute(
        sa.insert(click).values(
            id=new_id(), at=now, customer_id=who, source="chain:trial", step="m", kind="button",
            target="card", outbox_id=1,
        )
    )  # fmt: skip


def _vouchers(session: Session, who: int, now: Any) -> int:
    gift_card = new_id()
    common = {
        "customer_id": who, "status": "active", "minimum": 0, "used": 0, "combines": False,
        "source_kind": "staff", "created_by": "staff:1", "created_at": now, "activated_at": now,
    }  # fmt: skip
    session.execute(
        sa.insert(voucher).values(
            id=new_id(), code="FORZINA1", kind="coupon", name={"en": f"For {MARK}"},
            effect={"kind": "percent", "rate_bp": 1000}, **common,
        )
    )  # fmt: skip
    session.execute(
        sa.insert(voucher).values(
            id=gift_card, code="GIFT0001", kind="gift_card", name={"en": "Gift card"},
            granted=50_000, balance=50_000, **common,
        )
    )  # fmt: skip
    return gift_card


def everything(session: Session) -> list[tuple[str, str, str]]:
    """Every value of every column of every table, as text: (table, column, value)."""
    found = []
    for table in metadata.sorted_tables:
        for row in session.execute(sa.text(f'SELECT * FROM "{table.name}"')).mappings():
            found += [
                (table.name, name, json.dumps(value, ensure_ascii=False, default=str))
                for name, value in row.items()
                if value is not None
            ]
    return found


def traces(session: Session, wanted: tuple[str, ...] = TRACES) -> set[tuple[str, str]]:
    """Where in the database something about her is left: (table, column)."""
    return {
        (table, column)
        for table, column, text in everything(session)
        if any(trace in text for trace in wanted)
    }


def count_of(session: Session, table: sa.Table, who: int) -> int:
    """How many rows of ``table`` are hers."""
    query = sa.select(sa.func.count()).where(table.c.customer_id == who)
    return int(session.execute(query).scalar_one())


__all__ = [
    "CHAT", "KEYS", "MARK", "PERSONAL_DATA", "PHONE", "TRACES", "Anna", "count_of", "everything",
    "join_again", "move_in", "purchase", "purchases", "telegram_chat", "traces",
]  # fmt: skip
