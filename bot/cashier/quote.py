"""The screens of a sale: who it is, what the sum would do, what was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.cashier.screens import Buttons, base36
from loyalty import customers, program, staff, wallet
from loyalty.amounts import BASIS, points_to_money
from loyalty.purchases import PurchaseResult, Quote, drafts
from loyalty.purchases.drafts import Draft
from loyalty.purchases.till import short_number
from loyalty.texts import N_, Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleView:
    """A draft with everything its screen shows. ``quote`` is None until a sum was typed."""

    draft: Draft
    name: str | None
    status: str
    tier: str
    available: int
    quote: Quote | None
    # Points that may be spent with a tap here, and what more would need the customer's own tap.
    most: int
    share_bp: int
    moved_from: str | None


def view(session: Session, draft: Draft, *, now: datetime) -> SaleView:
    """Gather what the screen of this draft shows.

    Raises:
        CustomerNotFound, CustomerBlocked: the customer is gone meanwhile.
    """
    person = customers.get(session, draft.customer_id)
    rules = program.current(session, now=now).program
    quote, most = None, 0
    if draft.amount is not None:
        quote = drafts.quote_of(session, draft=draft, now=now)
        most = drafts.most_to_spend(session, quote=quote, now=now)
    moved_from = staff.get(session, draft.moved_from).name if draft.moved_from else None
    return SaleView(
        draft=draft,
        name=first_name(person.name),
        status=person.status,
        tier=person.tier,
        available=wallet.balance(session, customer_id=person.id, now=now).available,
        quote=quote,
        most=most,
        share_bp=rules.redeem_share_bp,
        moved_from=moved_from,
    )


def first_name(name: str | None) -> str | None:
    """How to address somebody across the counter."""
    words = (name or "").split()
    return words[0] if words else None


_TIERS = {"bronze": N_("Bronze"), "silver": N_("Silver"), "gold": N_("Gold")}


def _who(_: Translator, shown: SaleView) -> list[str]:
    name = shown.name or _("Customer without a name")
    tier = _(_TIERS[shown.tier]) if shown.tier in _TIERS else shown.tier
    points = _.points(shown.available)
    lines: list[str] = []
    if shown.moved_from:
        lines.append(_("This sale was begun by {name}; now it is yours.", name=shown.moved_from))
    if shown.status == customers.ANONYMOUS:
        lines.append(_("👤 Paper card · {points}", points=points))
    else:
        lines.append(_("👤 <b>{name}</b> · {tier} · {points}", name=name, tier=tier, points=points))
    return lines


def sum_screen(_: Translator, shown: SaleView) -> tuple[str, Buttons]:
    """Who is buying, and the question for the sum."""
    lines = _who(_, shown)
    if shown.status == customers.ANONYMOUS:
        lines.append(_join_first(_))
    elif not shown.draft.may_redeem:
        lines.append(_stale(_))
    lines += ["", _("Enter the sum:")]
    return "\n".join(lines), [[(_("Cancel"), f"sale:cancel:{base36(shown.draft.id)}")]]


def _join_first(_: Translator) -> str:
    return _("Points can be spent once the owner of the card has joined in the bot.")


def _stale(_: Translator) -> str:
    return _(
        "⏳ This card is out of date: it earns, but cannot spend. "
        "To spend points, ask the customer to refresh the card and scan it again."
    )


def quote_screen(_: Translator, shown: SaleView, *, currency: str) -> tuple[str, Buttons]:
    """The sum, what it earns, what may be spent and why not more; one tap from done."""
    quote, draft = shown.quote, shown.draft
    if quote is None:
        return sum_screen(_, shown)
    lines = [
        *_who(_, shown),
        "",
        _("Sum: <b>{total}</b>", total=_.money(quote.total, currency)),
    ]
    if quote.redeem:
        lines.append(
            _(
                "Points spent: {n} (−{money})",
                n=_.number(quote.redeem),
                money=_.money(points_to_money(quote.redeem), currency),
            )
        )
        lines.append(_("To pay: <b>{money}</b>", money=_.money(quote.to_pay, currency)))
    lines.append(_("Will earn: {points}", points=_.points(quote.earn)))
    if not quote.redeem:
        lines.append(_may_spend(_, shown, quote))
    return "\n".join(lines), _quote_buttons(_, draft, quote, shown.most, currency=currency)


def _may_spend(_: Translator, shown: SaleView, quote: Quote) -> str:
    if quote.limit == "presence":
        return _stale(_)
    if shown.most == 0:
        why = {
            "not_joined": _(
                "Points can be spent once the owner of the card has joined in the bot."
            ),
            "frozen": _(
                "Points cannot be spent now: they are frozen for a while, to keep them safe."
            ),
            "balance": _("No points to spend yet."),
        }
        return why.get(quote.limit or "", _("The sum is too small to spend points on."))
    may = _("May spend: up to {points}", points=_.points(shown.most))
    if shown.most < quote.max_redeem:
        return may + " " + _("(more needs the customer's own tap)")
    if quote.limit == "share":
        percent = shown.share_bp * 100 // BASIS
        return may + " " + _("(points pay at most {percent} % of a purchase)", percent=percent)
    return may + " " + _("(that is all there is)")


def _quote_buttons(
    _: Translator, draft: Draft, quote: Quote, most: int, *, currency: str
) -> Buttons:
    name = base36(draft.id)
    confirm = f"sale:confirm:{name}:{base36(quote.total)}:{base36(draft.redeem)}"
    cancel = (_("Cancel"), f"sale:cancel:{name}")
    if draft.redeem:
        to_pay = _.money(quote.to_pay, currency)
        return [
            [(_("✅ Confirm, {money} to pay", money=to_pay), confirm)],
            [(_("Change points"), f"sale:none:{name}"), cancel],
        ]
    if most == 0:
        return [[(_("✅ Confirm"), confirm)], [cancel]]
    spend = _("Spend {points}", points=_.points(most))
    rows = [
        [(spend, f"sale:all:{name}:{base36(most)}"), (_("Spend part…"), f"sale:part:{name}")],
        [(_("✅ Don't spend, confirm"), confirm)],
        [cancel],
    ]
    if quote.max_redeem > most:
        more = _("Spend {points}: ask the customer", points=_.points(quote.max_redeem))
        rows.insert(1, [(more, f"sale:ask:{name}:{base36(quote.max_redeem)}")])
    return rows


def part_screen(_: Translator, shown: SaleView) -> tuple[str, Buttons]:
    """The question for how many points go into the sale."""
    most = shown.quote.max_redeem if shown.quote is not None else shown.most
    lines = [*_who(_, shown), "", _("How many points to spend? From 1 to {n}:", n=_.number(most))]
    return "\n".join(lines), [[(_("Back"), f"sale:none:{base36(shown.draft.id)}")]]


def done_screen(
    _: Translator, result: PurchaseResult, name: str | None, *, currency: str
) -> tuple[str, Buttons]:
    """The receipt for the cashier; the customer's own is on its way to their chat."""
    head = _("✅ <b>Done!</b> Sale № {number}", number=short_number(result.purchase_id))
    lines = [head]
    if name:
        lines.append(_("Customer: {name}", name=name))
    lines.append(_("Sum: <b>{total}</b>", total=_.money(result.total, currency)))
    if result.redeemed:
        lines.append(_("Points spent: {n}", n=_.number(result.redeemed)))
        lines.append(_("To pay: <b>{money}</b>", money=_.money(result.to_pay, currency)))
    lines.append(_("Earned: {points}", points=_.points(result.earned)))
    lines.append(_("Balance: {points}", points=_.points(result.balance)))
    undo = f"ret:view:{base36(result.purchase_id)}"
    return "\n".join(lines), [[(_("🛍 New sale"), "till:sale"), (_("↩️ Return this"), undo)]]
