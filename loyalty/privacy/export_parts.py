"""The lists of an export, one function each, oldest first, read by pages.

Each is of one person under all their ids: a paper card that became theirs keeps the history it
had before under its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.amounts import to_decimal
from loyalty.consent import consent, consent_text
from loyalty.customers import card
from loyalty.events import event
from loyalty.feedback.tables import rating, talk, talk_message
from loyalty.messaging.tables import outbox, touch
from loyalty.promotions.tables import goal_progress
from loyalty.receipts import purchase, purchase_line, purchase_return
from loyalty.referrals.tables import referral
from loyalty.staff import outlet
from loyalty.stamps.tables import stamp_balance, stamp_entry
from loyalty.vouchers.tables import voucher, voucher_use
from loyalty.wallet.tables import adjustment_request, debt, entry, lot

PAGE = 500
"""Rows read at a time: between two pages other people get their turn."""

_OTHERS = ("friend_id", "referrer_id", "requested_by", "decided_by", "staff_id")
"""Facts of events that point at other people."""

Facts = dict[str, Any]
Ids = Sequence[int]


def _pages(session: Session, query: sa.Select[Any], key: Any) -> Iterator[Sequence[Any]]:
    """Rows of ``query`` in the order of ``key`` (an id), ``PAGE`` at a time."""
    after = 0
    while True:
        rows = session.execute(query.where(key > after).order_by(key).limit(PAGE)).all()
        if rows:
            yield rows
            after = getattr(rows[-1], key.name)
        if len(rows) < PAGE:
            return


def _rows(
    session: Session, query: sa.Select[Any], key: Any, shape: Callable[[Any], Facts]
) -> Iterator[Facts]:
    for rows in _pages(session, query, key):
        for row in rows:
            yield shape(row)


def _money(minor: int | None) -> str | None:
    return None if minor is None else str(to_decimal(minor))


def _quantity(milli: int) -> str:
    return f"{milli / 1000:.3f}".rstrip("0").rstrip(".")


def _who(actor: str | None) -> str | None:
    """The kind of whoever did it: a name or a number of staff is theirs."""
    kind = (actor or "").partition(":")[0]
    return {"customer": "you", "key": "till", "": None}.get(kind, kind)


def _named(row: Any, *names: str) -> Facts:
    return {name: getattr(row, name) for name in names}


def consents(session: Session, ids: Ids) -> Iterator[Facts]:
    """Every grant and withdrawal, with the fingerprint of its text."""
    c, t = consent.c, consent_text.c
    same = sa.and_(t.purpose == c.purpose, t.language == c.language, t.version == c.text_version)
    query = sa.select(consent, t.body).outerjoin(consent_text, same).where(c.customer_id.in_(ids))
    names = ("purpose", "granted", "at", "text_version", "text_sha256", "language", "channel")
    return _rows(
        session,
        query,
        c.id,
        lambda row: {**_named(row, *names, "evidence"), "text": row.body},
    )


def cards(session: Session, ids: Ids) -> Iterator[Facts]:
    """Cards they have or had."""
    query = sa.select(card).where(card.c.customer_id.in_(ids))
    return _rows(
        session,
        query,
        card.c.id,
        lambda row: {
            "number": row.pseudonym,
            "paper": row.paper,
            "made_at": row.created_at,
            "closed_at": row.revoked_at,
        },
    )


def purchases(session: Session, ids: Ids) -> Iterator[Facts]:
    """Receipts with their lines and returns."""
    p = purchase.c
    query = (
        sa.select(purchase, outlet.c.name.label("outlet"))
        .outerjoin(outlet, outlet.c.id == p.outlet_id)
        .where(p.customer_id.in_(ids))
    )
    for rows in _pages(session, query, p.id):
        ids = [row.id for row in rows]
        lines = _grouped(session, purchase_line, ids, purchase_line.c.n)
        returns = _grouped(session, purchase_return, ids, purchase_return.c.id)
        for row in rows:
            yield _receipt(row, lines[row.id], returns[row.id])


def _grouped(
    session: Session, table: sa.Table, ids: list[int], order: Any
) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    query = sa.select(table).where(table.c.purchase_id.in_(ids)).order_by(order)
    for row in session.execute(query):
        found[row.purchase_id].append(row)
    return found


def _receipt(row: Any, lines: list[Any], returns: list[Any]) -> Facts:
    return {
        "number": str(row.id),
        "receipt": row.number,
        "sold_at": row.sold_at,
        "outlet": row.outlet,
        "sum": _money(row.gross),
        "discount": _money(row.discount),
        "total": _money(row.total),
        "points_spent": row.redeemed,
        "points_earned": row.earned,
        "paid_by_gift_card": _money(row.gift_paid),
        "returned": _money(row.returned),
        "lines": [
            {
                **_named(line, "n", "sku", "name", "category"),
                "quantity": _quantity(line.quantity_milli),
                "price": _money(line.price),
                "sum": _money(line.amount),
                "discount": _money(line.discount),
                "points_spent": line.points_paid,
                "points_earned": line.earned,
                "returned_quantity": _quantity(line.returned_milli),
            }
            for line in lines
        ],
        "returns": [
            {
                "at": back.at,
                "receipt": back.number,
                "sum": _money(back.amount),
                "money_back": _money(back.money_back),
                "points_given_back": back.spent_returned,
                "points_taken_back": back.earned_reversed,
                "points_owed": back.debt,
            }
            for back in returns
        ],
    }


def points(session: Session, ids: Ids) -> Iterator[Facts]:
    """Every movement of points: what for, by whom, what was left."""
    query = sa.select(entry).where(entry.c.customer_id.in_(ids))

    def shape(row: Any) -> Facts:
        about = None if row.source_kind == "phone" else row.source_id
        return {
            **_named(row, "at", "amount", "kind"),
            "because_of": row.source_kind,
            "which": about,
            "by": _who(row.actor),
            "balance_after": row.balance_after,
            "note": row.note,
        }

    return _rows(session, query, entry.c.id, shape)


def lots(session: Session, ids: Ids) -> Iterator[Facts]:
    """Points that are left, from when and until when they can be spent."""
    query = sa.select(lot).where(lot.c.customer_id.in_(ids), lot.c.remaining > 0)
    names = ("kind", "earned_at", "active_from", "expires_at")
    return _rows(
        session,
        query,
        lot.c.id,
        lambda row: {**_named(row, *names), "points": row.granted, "left": row.remaining},
    )


def debts(session: Session, ids: Ids) -> Iterator[Facts]:
    """Points owed after returns, and repaid."""
    query = sa.select(debt).where(debt.c.customer_id.in_(ids))
    return _rows(
        session,
        query,
        debt.c.id,
        lambda row: {"at": row.at, "points": row.amount, "because_of": row.source_kind},
    )


def corrections(session: Session, ids: Ids) -> Iterator[Facts]:
    """What staff have corrected or asked to correct by hand, and why."""
    a = adjustment_request.c
    names = ("points", "reason", "status", "requested_at", "decided_at")
    query = sa.select(adjustment_request).where(a.customer_id.in_(ids))
    return _rows(session, query, a.id, lambda row: _named(row, *names))


def stamps(session: Session, ids: Ids) -> Iterator[Facts]:
    """Stamp cards as they stand, then every stamp that came or went."""
    s, e = stamp_balance.c, stamp_entry.c
    mine, total = s.customer_id.in_(ids), sa.func.sum
    standing = sa.select(
        s.card_key, total(s.stamps).label("n"), total(s.debt).label("owed"),
        total(s.cards).label("full"),
    ).where(mine).group_by(s.card_key).order_by(s.card_key)  # fmt: skip
    for row in session.execute(standing).all():
        yield {
            "card": row.card_key,
            "stamps": int(row.n),
            "owed": int(row.owed),
            "full_cards": int(row.full),
        }
    query = sa.select(stamp_entry).where(e.customer_id.in_(ids))
    yield from _rows(
        session,
        query,
        e.id,
        lambda row: {"card": row.card_key, **_named(row, "at", "day", "amount", "kind")},
    )


def coupons(session: Session, ids: Ids) -> Iterator[Facts]:
    """Their coupons and gift cards, and where they used one."""
    v, u = voucher.c, voucher_use.c
    names = ("code", "kind", "name", "status", "effect", "starts_at", "ends_at", "created_at")
    mine = sa.select(voucher).where(v.customer_id.in_(ids))
    yield from _rows(
        session,
        mine,
        v.id,
        lambda row: {
            **_named(row, *names),
            "minimum": _money(row.minimum),
            "balance": _money(row.balance),
        },
    )
    used = (
        sa.select(voucher_use, v.code)
        .join(voucher, v.id == u.voucher_id)
        .where(u.customer_id.in_(ids))
    )
    yield from _rows(
        session,
        used,
        u.id,
        lambda row: {
            "code": row.code,
            "used_at": row.at,
            "receipt": str(row.purchase_id),
            "worth": _money(row.amount),
            "given_back_at": row.returned_at,
        },
    )


def goals(session: Session, ids: Ids) -> Iterator[Facts]:
    """How far they came to goals."""
    g = goal_progress.c
    query = sa.select(goal_progress).where(g.customer_id.in_(ids)).order_by(g.period)
    for row in session.execute(query):
        names = ("period", "ends_on", "purchases", "reached_at")
        yield {**_named(row, *names), "spent": _money(row.spent)}


def invitations(session: Session, ids: Ids) -> Iterator[Facts]:
    """Friends they brought and whether they came by a friend; who that is, is not told."""
    r = referral.c
    for role, mine in (("brought_a_friend", r.referrer_id), ("came_by_a_friend", r.friend_id)):
        query = sa.select(referral).where(mine.in_(ids)).order_by(r.started_at)
        for row in session.execute(query):
            yield {"role": role, **_named(row, "status", "started_at", "due_at", "decided_at")}


def ratings(session: Session, ids: Ids) -> Iterator[Facts]:
    """Scores they gave and what they wrote."""
    query = sa.select(rating).where(rating.c.customer_id.in_(ids))
    return _rows(
        session,
        query,
        rating.c.id,
        lambda row: {
            "receipt": str(row.purchase_id),
            **_named(row, "score", "text", "rated_at", "updated_at"),
        },
    )


def talks(session: Session, ids: Ids) -> Iterator[Facts]:
    """Talks with staff, message by message."""
    t, m = talk.c, talk_message.c
    query = sa.select(talk).where(t.customer_id.in_(ids))
    for rows in _pages(session, query, t.id):
        said: defaultdict[int, list[Facts]] = defaultdict(list)
        words = sa.select(talk_message).where(m.talk_id.in_([row.id for row in rows]))
        for line in session.execute(words.order_by(m.id)):
            said[line.talk_id].append({"at": line.at, "by": _who(line.author), "text": line.text})
        for row in rows:
            names = ("kind", "status", "opened_at", "closed_at")
            yield {**_named(row, *names), "messages": said[row.id]}


def messages(session: Session, ids: Ids) -> Iterator[Facts]:
    """What was written to them, or is about to be."""
    o = outbox.c
    query = (
        sa.select(outbox, touch.c.source, touch.c.step)
        .outerjoin(touch, touch.c.id == o.touch_id)
        .where(o.customer_id.in_(ids))
    )

    def shape(row: Any) -> Facts:
        payload: Mapping[str, Any] = row.payload if isinstance(row.payload, dict) else {}
        return {
            "class": row.message_class,
            "about": payload.get("template") or row.source,
            "step": row.step,
            "text": payload.get("text"),
            "facts": payload.get("values"),
            "state": row.state,
            "made_at": row.created_at,
            "sent_at": row.left_at,
        }

    return _rows(session, query, o.id, shape)


def touches(session: Session, ids: Ids) -> Iterator[Facts]:
    """Why a message was sent or was not."""
    names = ("source", "step", "message_class", "decision", "reason", "decided_at")
    query = sa.select(touch).where(touch.c.customer_id.in_(ids))
    return _rows(session, query, touch.c.id, lambda row: _named(row, *names))


def happenings(session: Session, ids: Ids) -> Iterator[Facts]:
    """Everything that was noted as it happened."""
    query = sa.select(event).where(event.c.customer_id.in_(ids))

    def shape(row: Any) -> Facts:
        data = row.data if isinstance(row.data, dict) else {}
        kept = {key: value for key, value in data.items() if key not in _OTHERS}
        if str(kept.get("source") or "").startswith("referral:"):
            kept["source"] = "referral"
        return {"at": row.at, "what": row.type, "by": _who(row.actor), "facts": kept}

    return _rows(session, query, event.c.id, shape)
