"""A shop for the killing runs: people join, receipts are queued, and what arrived is counted."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, consent, events, messaging, wallet
from loyalty.chains.tables import enrolment
from loyalty.consent import ADS_TELEGRAM
from loyalty.customers import customer, telegram_chat
from loyalty.db import Rows
from loyalty.messaging.tables import outbox, touch
from tests.emulator.client import BOT_ID

ENDED = ("sent", "unknown", "blocked", "rejected", "dead", "skipped", "cancelled")
RECEIPT = "S-"


def control(url: str, method: str, path: str, body: object = None) -> Any:
    """One control call of the emulator."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{url}/control{path}",
        data=data,
        method=method,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def come(session: Session, chats: list[int], receipts: int) -> None:
    """New people who have agreed to news, and receipts for each of them."""
    now = clock.now()
    rows = Rows()
    for chat in chats:
        rows.insert(
            customer,
            {
                "id": chat,
                "status": "active",
                "language": "ru",
                "created_at": now,
                "joined_at": now,
            },
        )
        wallet.open_account(rows, customer_id=chat)
    rows.put(session)
    rows = Rows()
    for chat in chats:
        session.execute(
            sa.insert(telegram_chat).values(
                telegram_id=chat,
                customer_id=chat,
                language="ru",
                first_seen_at=now,
                last_seen_at=now,
            )
        )
        consent.record(
            session,
            customer_id=chat,
            purpose=ADS_TELEGRAM,
            granted=True,
            language="ru",
            channel="telegram",
            evidence=str(chat),
            now=now,
        )
        events.record(
            rows,
            type="customer.joined",
            customer_id=chat,
            actor=f"customer:{chat}",
            data={},
            now=now,
        )
        for n in range(receipts):
            messaging.enqueue(
                rows,
                customer_id=chat,
                chat_id=chat,
                message_class="service",
                key=f"test:{chat}:{n}",
                payload={"text": f"{RECEIPT}{n}"},
                now=now,
                deadline=now + timedelta(days=2),
            )
    rows.put(session)


def age_leases(session: Session) -> None:
    """As if the seconds of every lease had passed."""
    past = clock.real_now() - timedelta(minutes=5)
    held = outbox.c.state.in_(["claimed", "sending"])
    session.execute(sa.update(outbox).where(held).values(lease_until=past))


@dataclass
class Report:
    """What a run has shown."""

    kills: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    people: int = 0
    marketing_arrived: int = 0
    marketing_twice: int = 0
    marketing_unknown: int = 0
    service_asked: int = 0
    service_once: int = 0
    service_twice: int = 0
    service_more: int = 0
    service_unknown: int = 0
    # What must not be: in words.
    wrong: list[str] = field(default_factory=list)


def look(session: Session, url: str, chats: list[int], receipts: int, report: Report) -> None:
    """Count what everybody has on their phone and compare it with what is written down."""
    report.people = len(chats)
    rows = session.execute(sa.select(outbox)).all()
    report.states = Counter(row.state for row in rows)
    report.wrong += [f"outbox {row.key} is {row.state}" for row in rows if row.state not in ENDED]
    by_chat: dict[int, list[Any]] = {}
    for row in rows:
        by_chat.setdefault(row.chat_id, []).append(row)
    for chat in chats:
        messages = control(url, "GET", f"/users/{chat}/messages?bot={BOT_ID}&after=0")
        texts = [item["text"] for item in messages if item["from"]["is_bot"]]
        _receipts(report, chat, texts, by_chat.get(chat, []), receipts)
        _marketing(report, chat, texts, by_chat.get(chat, []))
    _nobody_forgotten(session, chats, report)


def _receipts(report: Report, chat: int, texts: list[str], rows: list[Any], receipts: int) -> None:
    for n in range(receipts):
        copies = texts.count(f"{RECEIPT}{n}")
        report.service_asked += 1
        report.service_once += copies == 1
        report.service_twice += copies == 2
        if copies > 2:
            report.service_more += 1
            report.wrong.append(f"{chat}: receipt {n} came {copies} times")
        mine = [row.state for row in rows if row.key.startswith(f"test:{chat}:{n}")]
        if not copies:
            report.service_unknown += 1
            if "unknown" not in mine:
                report.wrong.append(f"{chat}: receipt {n} is lost without a trace ({mine})")


def _marketing(report: Report, chat: int, texts: list[str], rows: list[Any]) -> None:
    arrived = [text for text in texts if not text.startswith(RECEIPT)]
    mine = [row.state for row in rows if row.message_class != "service"]
    report.marketing_arrived += len(arrived)
    if len(arrived) > len(set(arrived)) or len(arrived) > len(mine):
        report.marketing_twice += 1
        report.wrong.append(f"{chat}: marketing came twice")
    lost = len(mine) - len(arrived)
    report.marketing_unknown += max(0, lost)
    if lost > 0 and mine.count("unknown") < lost:
        report.wrong.append(f"{chat}: marketing is lost without a trace ({mine})")


def _nobody_forgotten(session: Session, chats: list[int], report: Report) -> None:
    on_the_way = set(session.execute(sa.select(enrolment.c.customer_id)).scalars())
    touches = session.execute(sa.select(touch)).all()
    touched = {row.customer_id for row in touches}
    queued = dict(session.execute(sa.select(outbox.c.id, outbox.c.touch_id)).tuples().all())
    report.wrong += [f"{chat} never began" for chat in chats if chat not in on_the_way]
    report.wrong += [f"{chat} has no touch" for chat in chats if chat not in touched]
    report.wrong += [
        f"touch {row.id} says send, and nothing was queued"
        for row in touches
        if row.decision == "send"
        and row.message_class == "trigger"
        and queued.get(row.outbox_id) != row.id
    ]
