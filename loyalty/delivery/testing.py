"""A message of a chain sent to oneself: what a guest would read, before any guest does."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.chains.rehearsal import occasion, played_version
from loyalty.customers import customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.delivery.wording import say_step
from loyalty.errors import CustomerNotFound, StaffHasNoChat
from loyalty.events import record
from loyalty.ids import new_id
from loyalty.messaging.outbox import SERVICE, enqueue
from loyalty.messaging.templates import Message
from loyalty.staff import get
from loyalty.texts import translator


def send_test(
    session: Session,
    *,
    key: str,
    step_id: str,
    staff_id: int,
    now: datetime,
    time_zone: str,
    currency: str,
    variant: str | None = None,
    segment: int | None = None,
    language: str | None = None,
    draft: bool = False,
) -> int:
    """Queue the chain's message for the staff member's own chat; the outbox id.

    The numbers in it are the staff member's own as a guest, or those of the guest who came last;
    a coupon's code is an example. It is a service message: no cap, no quiet hours, no touch.

    Raises:
        StaffHasNoChat: they have not connected a Telegram of their own.
        ChainNotFound, StaffNotFound, LookupError: no such chain, person, message.
        ChainInvalid: the draft cannot be sent yet (facts ``problems``).
        CustomerNotFound: there is nobody yet whose numbers could be shown.
        Gone: there is nothing to say, such as points that expire (``reason``).
    """
    person = get(session, staff_id)
    if person.telegram_id is None:
        raise StaffHasNoChat()
    _, definition = played_version(session, key=key, draft=draft)
    customer_id = _sample(session, person.telegram_id)
    day, subject = occasion(session, definition, customer_id, now=now, time_zone=time_zone)
    said = say_step(
        session,
        definition,
        step_id,
        customer_id=customer_id,
        subject=subject,
        day=day,
        variant=variant,
        segment=segment,
        now=now,
        time_zone=time_zone,
        language=language,
        currency=currency,
    )
    _ = translator(language or person.language or "ru")
    head = _("🧪 A test: {title}", title=definition.title.get(language or "ru", key))
    rows = Rows()
    outbox_id = _queue(rows, person.telegram_id, f"{head}\n\n{said.text}", said, now)
    data = {"chain": key, "step": step_id}
    actor = f"staff:{staff_id}"
    record(rows, type="chain.tested", customer_id=None, actor=actor, data=data, now=now)
    rows.put(session)
    return outbox_id


def _queue(rows: Rows, chat_id: int, text: str, said: Message, now: datetime) -> int:
    return enqueue(
        rows,
        customer_id=None,
        chat_id=chat_id,
        message_class=SERVICE,
        key=f"try:{new_id()}",
        payload={
            "text": text,
            "buttons": [list(row) for row in said.buttons],
            **({"picture": said.picture} if said.picture else {}),
        },
        now=now,
    )


def _sample(session: Session, telegram_id: int) -> int:
    """Whose numbers are shown: one's own as a guest, else of whoever joined last."""
    own = sa.select(telegram_chat.c.customer_id).where(
        telegram_chat.c.telegram_id == telegram_id, telegram_chat.c.customer_id.is_not(None)
    )
    found: int | None = session.execute(own).scalar_one_or_none()
    if found is None:
        latest = (
            sa.select(customer.c.id)
            .where(customer.c.status == "active", customer.c.merged_into.is_(None))
            .order_by(customer.c.id.desc())
            .limit(1)
        )
        found = session.execute(latest).scalar_one_or_none()
    if found is None:
        raise CustomerNotFound()
    return found
