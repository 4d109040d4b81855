"""Sales of tills: quoted, recorded, given to a customer later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from admin.api.answers import DiscountOut, PurchaseOut, QuoteOut, StampsOut
from admin.api.door import Call, Done, Refused
from admin.api.explaining import discounts_of, lines_to_print
from admin.api.fields import moment_text, money_text
from admin.api.requests import AttachIn, PurchaseIn, QuoteIn
from admin.api.stamps import shown
from admin.api.who import NotIdentified, identify
from loyalty import program, purchases, stamps, vouchers
from loyalty.customers import Identified
from loyalty.db import read_installation
from loyalty.errors import (
    ConfirmationRequired,
    HoldAlreadyResolved,
    IdempotencyConflict,
    PresenceRequired,
    TimeOutOfRange,
    VoucherNotFound,
)
from loyalty.purchases import PurchaseResult, Receipt, claims, holding
from loyalty.purchases.gate import in_force
from loyalty.purchases.holding import Till, TillHold
from loyalty.purchases.till import ensure_new, get_sale
from loyalty.purchases.wanted import Wanted

AHEAD = timedelta(hours=24)
"""How far ahead of ours a till's clock may be: one set to another zone must not lose a sale."""
BEHIND = timedelta(days=3650)
"""How late a sale may be told: tills that were offline."""


def quote(session: Session, call: Call, body: QuoteIn) -> Done | Refused:
    """``POST /purchases/quote``."""
    who = _who(session, call, body.customer)
    if isinstance(who, NotIdentified):
        return Refused(who.error)
    receipt = body.receipt.receipt(call.now)
    check_time(receipt.sold_at, call.now)
    may_try(session, call, body.vouchers)
    try:
        quoted = purchases.quote(
            session,
            customer_id=who.customer_id if who else None,
            receipt=receipt,
            redeem=body.redeem,
            vouchers=body.vouchers,
            may_redeem=who.may_redeem if who else False,
            now=call.now,
            outlet_id=call.till.outlet_id,
            time_zone=call.till.time_zone,
        )
    except VoucherNotFound as error:
        vouchers.note_wrong(session, by=call.till.actor, now=call.now)
        return Refused(error)
    rules = program.current(session, now=call.now).program
    answer = QuoteOut(
        earn=quoted.earn,
        max_redeem=quoted.max_redeem,
        limit=quoted.limit,
        redeem=quoted.redeem,
        available=quoted.available,
        discounts=discounts_of(session, quoted.discounts, call.language),
        gift_paid=money_text(quoted.gift_paid),
        stamps=shown((), quoted.stamps, rules, call.language) if who else [],
        total=money_text(quoted.total),
        total_to_pay=money_text(quoted.to_pay),
        needs_confirmation=quoted.needs_confirmation,
        messages=lines_to_print(
            session,
            quoted,
            rules,
            customer_id=who.customer_id if who else None,
            language=call.settings.language,
            currency=call.settings.currency,
            time_zone=call.till.time_zone,
            now=call.now,
        ),
    )
    return Done(answer, customer_id=who.customer_id if who else None)


def sell(session: Session, call: Call, body: PurchaseIn) -> Done | Refused:
    """``POST /purchases``: recorded at once, or held until the customer has tapped."""
    till = till_of(call)
    # Only who spends is ever asked, so other sales are spared the question.
    asked = _asked_before(session, call, till) if body.redeem else None
    if asked is not None:
        return _after_the_question(session, call, till, asked)
    who = _who(session, call, body.customer)
    receipt = body.receipt.receipt(call.now)
    check_time(receipt.sold_at, call.now)
    if isinstance(who, NotIdentified) or (body.redeem and not (who and who.may_redeem)):
        # A till that lost its answer and its key shows a card that its own first sale has spent.
        ensure_new(session, receipt, outlet_id=till.outlet_id, time_zone=till.time_zone)
        if isinstance(who, NotIdentified):
            return Refused(who.error)
        raise PresenceRequired(reason=who.reason if who else None)
    may_try(session, call, body.vouchers)
    try:
        result = purchases.record(
            session,
            customer_id=who.customer_id if who else None,
            receipt=receipt,
            redeem=body.redeem,
            vouchers=body.vouchers,
            may_redeem=who.may_redeem if who else False,
            actor=call.till.actor,
            outlet_id=call.till.outlet_id,
            staff_id=None,
            source="pos",
            now=call.now,
            time_zone=call.till.time_zone,
            card_key=who.card_key if who and body.redeem else None,
        )
    except VoucherNotFound as error:
        vouchers.note_wrong(session, by=call.till.actor, now=call.now)
        return Refused(error)
    except ConfirmationRequired:
        assert who is not None  # only a customer's points are asked for
        return _ask(session, call, till, who, receipt, body)
    return Done(purchase_out(session, call, result), 201, result.customer_id)


def attach(session: Session, call: Call, body: AttachIn) -> Done | Refused:
    """``POST /purchases/{id}/customer``: whose an anonymous sale of a moment ago was."""
    purchase_id = call.number("id")
    get_sale(session, purchase_id=purchase_id, outlet_id=call.till.outlet_id)
    who = identify(session, call, body.customer)
    if isinstance(who, NotIdentified):
        return Refused(who.error)
    minutes = program.current(session, now=call.now).program.guards.late_attach_minutes
    result = purchases.attach(
        session,
        purchase_id=purchase_id,
        customer_id=who.customer_id,
        actor=call.till.actor,
        now=call.now,
        within=timedelta(minutes=minutes),
    )
    return Done(purchase_out(session, call, result), 201, result.customer_id)


def purchase_out(session: Session, call: Call, result: PurchaseResult) -> PurchaseOut:
    """A recorded sale as the API tells of it."""
    url = until = None
    cards: list[StampsOut] = []
    if result.customer_id is None:
        url, until = _claim(session, call, result.purchase_id)
    else:
        rules = in_force(session, now=call.now).program
        standings = result.standings
        if result.replayed:
            found = stamps.standings(session, customer_id=result.customer_id)
            standings = tuple(found.values())
        cards = shown(standings, result.stamps, rules, call.language)
    named: list[DiscountOut] = discounts_of(session, result.discounts, call.language)
    return PurchaseOut(
        purchase_id=str(result.purchase_id),
        customer_id=str(result.customer_id) if result.customer_id is not None else None,
        total=money_text(result.total),
        total_to_pay=money_text(result.to_pay),
        discounts=named,
        gift_paid=money_text(result.gift_paid),
        earned=result.earned,
        redeemed=result.redeemed,
        balance=result.balance,
        pending=result.pending,
        debt_repaid=result.debt_repaid,
        stamps=cards,
        vouchers=[issued.code for issued in result.issued],
        tier=result.tier,
        claim_url=url,
        claim_until=until,
    )


def till_of(call: Call) -> Till:
    """The till as holds know it."""
    return Till(
        client=call.till.actor,
        outlet_id=call.till.outlet_id,
        outlet_name=call.till.outlet_name,
        time_zone=call.till.time_zone,
        currency=call.settings.currency,
    )


def check_time(moment: datetime, now: datetime, field: str = "receipt.sold_at") -> None:
    """Refuse a moment that cannot be true.

    Raises:
        TimeOutOfRange: it lies ahead, or more than ten years back.
    """
    earliest, latest = now - BEHIND, now + AHEAD
    if not earliest <= moment <= latest:
        raise TimeOutOfRange(field=field, earliest=earliest, latest=latest)


def may_try(session: Session, call: Call, codes: Any) -> None:
    """Nothing, while this till may type codes of vouchers.

    Raises:
        TooManyTries: five unknown ones within a minute.
    """
    if codes:
        vouchers.ensure_may_try(session, by=call.till.actor, now=call.now)


# --- inside ------------------------------------------------------------------------------


def _who(session: Session, call: Call, customer: str | None) -> Identified | NotIdentified | None:
    return identify(session, call, customer) if customer is not None else None


def _asked_before(session: Session, call: Call, till: Till) -> TillHold | None:
    """The hold this very request placed before, if the customer was asked."""
    assert call.key is not None  # a sale always has one
    found = holding.find(session, client=till.client, key=call.key, now=call.now)
    if found is not None and found.wanted.fingerprint != call.fingerprint:
        raise IdempotencyConflict()
    return found


def _ask(
    session: Session, call: Call, till: Till, who: Identified, receipt: Receipt, body: PurchaseIn
) -> Refused:
    """Hold the points and ask the customer; the hold stays although the answer is a refusal."""
    assert call.key is not None  # as above
    placed = holding.place(
        session,
        till=till,
        key=call.key,
        customer_id=who.customer_id,
        points=body.redeem,
        wanted=Wanted(
            receipt=receipt,
            vouchers=body.vouchers,
            card_key=who.card_key,
            seconds=program.current(session, now=call.now).program.confirm_seconds,
            fingerprint=call.fingerprint,
        ),
        asks=True,
        now=call.now,
    )
    return Refused(holding.waiting(placed))


def _after_the_question(session: Session, call: Call, till: Till, asked: TillHold) -> Done:
    """What the request that asked is answered now: wait, the purchase, or that it is over."""
    if asked.status == holding.POSTED and asked.purchase_id is not None:
        known = purchases.result_of(session, purchase_id=asked.purchase_id, now=call.now)
        return Done(purchase_out(session, call, known), 201, asked.customer_id)
    found = holding.locked(session, asked, now=call.now)
    receipt = found.wanted.receipt
    if receipt is None:
        raise HoldAlreadyResolved(status=found.status)
    result = holding.record(session, found=found, till=till, receipt=receipt, now=call.now)
    return Done(purchase_out(session, call, result), 201, result.customer_id)


def _claim(session: Session, call: Call, purchase_id: int) -> tuple[str | None, str | None]:
    state = read_installation(session)
    if state is None or state.bot_username is None:
        return None, None  # the bot has never run: there is nowhere to lead to
    token, until = claims.issue(call.keys, purchase_id=purchase_id, now=call.now)
    return f"https://t.me/{state.bot_username}?start={token}", moment_text(until)
