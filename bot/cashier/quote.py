"""The screens of a sale: who it is, what the sum would do, what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.cashier import extra_words
from bot.cashier.extra_words import Extras
from bot.cashier.screens import Buttons, base36
from loyalty import customers, enrolment, program, staff, wallet
from loyalty.amounts import BASIS, points_to_money
from loyalty.program import TillCategory
from loyalty.purchases import PurchaseResult, Quote, draft_lines, drafts, last
from loyalty.purchases.drafts import Draft
from loyalty.purchases.till import Sale, short_number
from loyalty.texts import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleView:
    """A draft with everything its screen shows. ``quote`` is None until a sum was typed."""

    draft: Draft
    name: str | None
    status: str
    available: int
    quote: Quote | None
    # Points that may be spent with a tap here, and what more would need the customer's own tap.
    most: int
    share_bp: int
    moved_from: str | None
    extras: Extras
    outlet: str
    # Kinds of goods that have a button.
    categories: Sequence[TillCategory] = ()
    # A sale without a card that this one may still be put to.
    late: Sale | None = None
    # Enrolled here, without a paper card.
    is_new: bool = False


def view(session: Session, draft: Draft, *, now: datetime) -> SaleView:
    """Gather what the screen of this draft shows.

    Raises:
        CustomerNotFound, CustomerBlocked: the customer is gone meanwhile.
    """
    person = customers.get(session, draft.customer_id)
    rules = program.current(session, now=now).program
    quote, most = None, 0
    categories: Sequence[TillCategory] = ()
    if draft.amount is not None:
        categories = draft_lines.categories(session, now=now)
        quote = drafts.quote_of(session, draft=draft, now=now)
        most = drafts.most_to_spend(session, quote=quote, now=now)
    late = None
    if draft.amount is None and draft.status == drafts.OPEN:
        late = last.without_card(session, outlet_id=draft.outlet_id, now=now)
    moved_from = staff.get(session, draft.moved_from).name if draft.moved_from else None
    return SaleView(
        draft=draft,
        name=first_name(person.name),
        status=person.status,
        available=wallet.balance(session, customer_id=person.id, now=now).available,
        quote=quote,
        most=most,
        share_bp=rules.redeem_share_bp,
        moved_from=moved_from,
        extras=extra_words.extras_of(session, rules, quote, tier=person.tier),
        categories=categories,
        late=late,
        is_new=person.source == enrolment.AT_TILL,
        outlet=staff.get_outlet(session, draft.outlet_id).name,
    )


def first_name(name: str | None) -> str | None:
    """How to address somebody across the counter."""
    words = (name or "").split()
    return words[0] if words else None


def who(_: Translator, shown: SaleView) -> list[str]:
    """Where the sale is, and whose card it is."""
    name = shown.name or _("Customer without a name")
    tier = shown.extras.tier.title(_.language) if shown.extras.tier else ""
    points = _.points(shown.available)
    lines: list[str] = [_("🏪 {outlet}", outlet=shown.outlet)]
    if shown.moved_from:
        lines.append(_("This sale was begun by {name}; now it is yours.", name=shown.moved_from))
    if shown.status == customers.ANONYMOUS and shown.is_new:
        lines.append(_("👤 New guest · {points}", points=points))
    elif shown.status == customers.ANONYMOUS:
        lines.append(_("👤 Paper card · {points}", points=points))
    else:
        lines.append(_("👤 <b>{name}</b> · {tier} · {points}", name=name, tier=tier, points=points))
    return lines


def sum_screen(_: Translator, shown: SaleView, *, currency: str) -> tuple[str, Buttons]:
    """Who is buying, and the question for the sum."""
    lines = who(_, shown)
    if shown.status == customers.ANONYMOUS:
        lines.append(_join_first(_))
    elif not shown.draft.may_redeem:
        lines.append(_stale(_, shown.draft))
    lines += ["", _("Enter the sum:")]
    name = base36(shown.draft.id)
    rows: list[list[tuple[str, str]]] = [[(_("Cancel"), f"sale:cancel:{name}")]]
    if shown.late is not None:
        money = _.money(shown.late.total, currency)
        label = _("📎 To № {number}, {money}", number=shown.late.number, money=money)
        rows.insert(0, [(label, f"sale:late:{name}:{base36(shown.late.purchase_id)}")])
    return "\n".join(lines), rows


def _join_first(_: Translator) -> str:
    return _("Points can be spent once the owner of the card has joined in the bot.")


def _stale(_: Translator, draft: Draft) -> str:
    if draft.card_key.startswith("b:"):
        return _(
            "💳 A paper card only earns. To spend points, "
            "ask the guest to open the card in the bot."
        )
    if ":again:" in draft.card_key:  # opened by the last receipt: no card was shown
        return _("💳 Without the card points only come in. To spend some, scan the card.")
    return _(
        "⏳ This card is out of date: it earns, but cannot spend. "
        "To spend points, ask the customer to refresh the card and scan it again."
    )


def quote_screen(_: Translator, shown: SaleView, *, currency: str) -> tuple[str, Buttons]:
    """The sum, what it earns, what may be spent and why not more; one tap from done."""
    quote = shown.quote
    if quote is None:
        return sum_screen(_, shown, currency=currency)
    lines: list[str] = [
        *who(_, shown),
        "",
        *extra_words.item_lines(_, shown.draft, shown.categories, currency=currency),
        _("Sum: <b>{total}</b>", total=_.money(quote.gross, currency)),
        *extra_words.price_lines(_, quote, shown.extras, currency=currency),
    ]
    if quote.redeem:
        lines.append(
            _(
                "Points spent: {n} (−{money})",
                n=_.number(quote.redeem),
                money=_.money(points_to_money(quote.redeem), currency),
            )
        )
    if quote.to_pay != quote.gross:
        lines.append(_("To pay: <b>{money}</b>", money=_.money(quote.to_pay, currency)))
    earn = _("Will earn: {points}", points=_.points(quote.earn))
    why = extra_words.explained(_, quote.parts, shown.extras)
    lines.append(earn + " " + why if why else earn)
    lines += extra_words.stamp_lines(_, quote, shown.extras)
    if not quote.redeem:
        lines.append(_may_spend(_, shown, quote))
    return "\n".join(lines), _quote_buttons(_, shown, quote, currency=currency)


def _may_spend(_: Translator, shown: SaleView, quote: Quote) -> str:
    if quote.limit == "presence":
        return _stale(_, shown.draft)
    if shown.most == 0 and quote.to_pay == 0:
        return _("There is nothing left to pay.")
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


def _quote_buttons(_: Translator, shown: SaleView, quote: Quote, *, currency: str) -> Buttons:
    draft, most = shown.draft, shown.most
    name = base36(draft.id)
    numbers = (draft.amount or 0, draft.redeem, quote.to_pay, extra_words.marks(draft))
    confirm = ":".join(["sale:confirm", name, *map(base36, numbers)])
    cancel: tuple[str, str] = (_("Cancel"), f"sale:cancel:{name}")
    extra = [
        *extra_words.item_buttons(_, draft, shown.categories),
        *extra_words.buttons(_, draft, shown.extras, given=quote.stamps),
    ]
    to_pay = _.money(quote.to_pay, currency)
    if draft.redeem:
        return [
            [(_("✅ Confirm, {money} to pay", money=to_pay), confirm)],
            *extra,
            [(_("Change points"), f"sale:none:{name}"), cancel],
        ]
    if most == 0:
        # With something taken off, the button names what to take from the customer.
        label = _("✅ Confirm")
        if quote.to_pay != quote.gross:
            label = _("✅ Confirm, {money} to pay", money=to_pay)
        return [[(label, confirm)], *extra, [cancel]]
    spend = _("Spend {points}", points=_.points(most))
    rows: list[list[tuple[str, str]]] = [
        [(spend, f"sale:all:{name}:{base36(most)}"), (_("Spend part…"), f"sale:part:{name}")],
        [(_("✅ Don't spend, confirm"), confirm)],
        *extra,
        [cancel],
    ]
    if quote.max_redeem > most:
        more = _("Spend {points}: ask the customer", points=_.points(quote.max_redeem))
        rows.insert(1, [(more, f"sale:ask:{name}:{base36(quote.max_redeem)}")])
    return rows


def part_screen(_: Translator, shown: SaleView) -> tuple[str, Buttons]:
    """The question for how many points go into the sale."""
    most = shown.quote.max_redeem if shown.quote is not None else shown.most
    lines = [*who(_, shown), "", _("How many points to spend? From 1 to {n}:", n=_.number(most))]
    return "\n".join(lines), [[(_("Back"), f"sale:none:{base36(shown.draft.id)}")]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A recorded sale with everything its screen shows. ``rose``: to a new level, by this sale."""

    result: PurchaseResult
    name: str | None
    extras: Extras
    rose: bool
    # For how long the sale may be undone; 0: never.
    undo_minutes: int
    # Whom the till shows a QR to, so that the card becomes theirs.
    new_guest: int | None = None


def done(
    session: Session, result: PurchaseResult, buyer: customers.Customer, *, now: datetime
) -> Done:
    """Gather what the receipt shows; ``buyer`` as they were before the sale."""
    rules = program.current(session, now=now).program
    return Done(
        result=result,
        name=first_name(buyer.name),
        extras=extra_words.extras_of(session, rules, result, tier=result.tier),
        rose=not result.replayed and result.tier not in (None, buyer.tier),
        undo_minutes=rules.undo_minutes,
        new_guest=buyer.id if _waits(buyer) else None,
    )


def _waits(buyer: customers.Customer) -> bool:
    """Whether the guest has neither a paper card nor one in the bot yet."""
    return buyer.status == customers.ANONYMOUS and buyer.source == enrolment.AT_TILL


def done_screen(_: Translator, shown: Done, *, currency: str) -> tuple[str, Buttons]:
    """The receipt for the cashier; the customer's own is on its way to their chat."""
    result = shown.result
    head = _("✅ <b>Done!</b> Sale № {number}", number=short_number(result.purchase_id))
    lines: list[str] = [head]
    if shown.name:
        lines.append(_("Customer: {name}", name=shown.name))
    lines.append(_("Sum: <b>{total}</b>", total=_.money(result.gross, currency)))
    lines += extra_words.price_lines(_, result, shown.extras, currency=currency)
    if result.redeemed:
        lines.append(_("Points spent: {n}", n=_.number(result.redeemed)))
    if result.to_pay != result.gross:
        lines.append(_("To pay: <b>{money}</b>", money=_.money(result.to_pay, currency)))
    lines.append(_("Earned: {points}", points=_.points(result.earned)))
    if result.debt_repaid:
        lines.append(_("Of these, {n} covered a debt", n=_.number(result.debt_repaid)))
    lines.append(_("Balance: {points}", points=_.points(result.balance)))
    lines += extra_words.given_lines(_, result, shown.extras, rose=shown.rose)
    name = base36(result.purchase_id)
    back = (_("↩️ Return this"), f"ret:view:{name}")
    if shown.undo_minutes:
        minutes = _.number(shown.undo_minutes)
        back = (_("↩️ Undo ({minutes} min)", minutes=minutes), f"undo:ask:{name}")
    rows: list[list[tuple[str, str]]] = [[(_("🛍 New sale"), "till:sale"), back]]
    if shown.new_guest is not None:
        rows.insert(0, [(_("📱 QR for the guest"), f"sale:card:{name}")])
    return "\n".join(lines), rows
