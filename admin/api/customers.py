"""Who the customer is and what they own."""

from __future__ import annotations

from sqlalchemy.orm import Session

from admin.api.answers import CustomerOut, PerkOut, VoucherOut
from admin.api.door import Call, Done, Refused
from admin.api.fields import moment_text, money_text
from admin.api.requests import LookupIn
from admin.api.stamps import standings_of
from admin.api.who import NotIdentified, identify
from loyalty import customers, program, vouchers, wallet
from loyalty.customers import Identified
from loyalty.vouchers import Voucher


def lookup(session: Session, call: Call, body: LookupIn) -> Done | Refused:
    """``POST /customers/lookup``."""
    who = identify(session, call, body.customer)
    if isinstance(who, NotIdentified):
        return Refused(who.error)
    person = customers.get(session, who.customer_id)
    owned = wallet.balance(session, customer_id=person.id, now=call.now)
    rules = program.current(session, now=call.now).program
    tier = rules.tier(person.tier)
    reason = _why_not(who, person, owned)
    answer = CustomerOut(
        id=str(person.id),
        name=person.name,
        status=person.status,
        tier=tier.key,
        tier_name=tier.title(call.language),
        perks=[
            PerkOut(kind=perk.kind, code=perk.code, text=perk.text.said_in(call.language))
            for perk in tier.perks
        ],
        available=owned.available,
        pending=owned.pending,
        held=owned.held,
        debt=owned.debt,
        stamps=standings_of(session, person.id, rules, call.language),
        vouchers=[
            voucher_out(item, call.language)
            for item in vouchers.mine(session, customer_id=person.id, now=call.now)
        ],
        may_redeem=reason is None,
        reason=reason,
    )
    return Done(answer, customer_id=person.id)


def voucher_out(item: Voucher, language: str) -> VoucherOut:
    """A voucher as the API tells of it."""
    return VoucherOut(
        code=item.code,
        kind=item.kind,
        name=item.name.said_in(language),
        ends_at=moment_text(item.ends_at) if item.ends_at else None,
        minimum=money_text(item.minimum),
        balance=money_text(item.balance) if item.balance is not None else None,
    )


def _why_not(who: Identified, person: customers.Customer, owned: wallet.Balance) -> str | None:
    if person.status != customers.ACTIVE:
        return "not_joined"
    if not who.may_redeem:
        return who.reason or "presence"
    return "frozen" if owned.frozen_until is not None else None
