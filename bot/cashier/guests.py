"""Who is buying when nobody shows a card: the same guest again, a new one, one who was late."""

from __future__ import annotations

from datetime import datetime

from aiogram.types import CallbackQuery, Message
from sqlalchemy.orm import Session

from bot.cashier import guest_card, screens, selling
from bot.cashier import quote as words
from bot.cashier.quote import SaleView
from bot.cashier.screens import Buttons, base36
from bot.cashier.till import SUM, at_till, home_row, how_to_begin, locale_of, set_step, step_number
from bot.context import Context, Visitor
from loyalty import customers, enrolment, purchases
from loyalty.customers import Identified
from loyalty.errors import DraftNotFound, PurchaseNotFound
from loyalty.purchases import PurchaseResult, draft_rows, drafts, last
from loyalty.purchases.till import Sale, get_sale
from loyalty.staff import Staff
from loyalty.texts import Translator

_NAME = 12


async def ask_for_card(
    event: Message | CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """``/sale``: how to begin one; the last guest of this till, and a new one, by buttons."""

    def unit(session: Session) -> Sale | None:
        person = at_till(session, visitor)
        set_step(session, visitor, now, None)
        return _last(session, person, now)

    sale = await ctx.db.transact(unit)
    rows: list[list[tuple[str, str]]] = []
    if sale is not None:
        name = (words.first_name(sale.customer_name) or str(_("guest")))[:_NAME]
        label = _("🔁 {name} again, № {number}", name=name, number=sale.number)
        rows.append([(label, f"sale:again:{base36(sale.purchase_id)}")])
    rows += [[(_("🆕 New guest"), "sale:new")], home_row(_)]
    await screens.menu(ctx, visitor, event, _("🛍 <b>New sale</b>") + "\n" + how_to_begin(_), rows)


def _last(
    session: Session, person: Staff, now: datetime, *, purchase_id: int | None = None
) -> Sale | None:
    assert person.outlet_id is not None  # whoever is at a till has one
    return last.last_guest(
        session,
        staff_id=person.id,
        outlet_id=person.outlet_id,
        time_zone=person.time_zone or "UTC",
        now=now,
        purchase_id=purchase_id,
    )


async def again(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Anna again]: a sale for the guest of that receipt. It earns; spending needs the card."""
    purchase_id, screen = screens.number_at(query.data, 0), screens.screen_of(query)

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        sale = _last(session, person, now, purchase_id=purchase_id)
        if sale is None or sale.customer_id is None:
            raise PurchaseNotFound()
        who = Identified(sale.customer_id, False, None, "presence")
        draft = drafts.open_draft(
            session, identified=who, staff=person, now=now, update_key=f"again:{screen}"
        )
        if draft.status == drafts.OPEN:
            set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=screen)


# --- somebody new ----------------------------------------------------------------------------


async def ask_how(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[New guest]: with a paper card, or without."""
    await ctx.db.transact(lambda session: set_step(session, visitor, now, None))
    text = "\n".join(
        [
            _("🆕 <b>New guest</b>"),
            _("Scan a blank paper card with your camera and give it to the guest."),
            _("No paper cards? Go on without: after the sale the guest scans a QR from you."),
        ]
    )
    rows: Buttons = [[(_("Without a paper card"), "sale:guest")], home_row(_)]
    await screens.show(ctx, visitor, text, rows, message_id=screens.screen_of(query))


async def without_paper(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Without a paper card]: a sale for a guest we know nothing of."""
    screen = screens.screen_of(query)

    def unit(session: Session) -> SaleView:
        person = at_till(session, visitor)
        key = f"new:{screen}"
        # The message is tapped once for one guest, however often that tap comes.
        draft = draft_rows.named(session, staff_id=person.id, update_key=key)
        if draft is None:
            guest = enrolment.enrol(
                session,
                pseudonym=None,
                outlet_id=person.outlet_id,
                actor=person.actor,
                now=now,
                language=ctx.settings.language,
            )
            who = Identified(guest, False, None, "presence")
            draft = drafts.open_draft(
                session, identified=who, staff=person, now=now, update_key=key
            )
        if draft.status == drafts.OPEN:
            set_step(session, visitor, now, SUM, draft=draft.id)
        return words.view(session, draft, now=now)

    shown = await ctx.db.transact(unit)
    await selling.show_sale(ctx, visitor, now, _, shown, message_id=screen)


async def show_card(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[QR for the guest]: the picture once more."""
    purchase_id = screens.number_at(query.data, 0)

    def unit(session: Session) -> int:
        person = at_till(session, visitor)
        assert person.outlet_id is not None  # as above
        sale = get_sale(session, purchase_id=purchase_id, outlet_id=person.outlet_id)
        if sale.customer_id is None:
            raise PurchaseNotFound()
        return sale.customer_id

    customer_id = await ctx.db.read(unit)
    if not await guest_card.send(ctx, visitor, now, _, customer_id):
        await screens.send(ctx, visitor, _("This card has its owner already 🙂"))


# --- a card shown too late -------------------------------------------------------------------


async def ask_late(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> None:
    """[Put it on receipt №…]: what will happen, and one tap to do it."""
    draft_id, purchase_id = (screens.number_at(query.data, n) for n in (0, 1))

    def unit(session: Session) -> tuple[SaleView, Sale]:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        drafts.check_open(draft, person, now)
        sale = last.without_card(session, outlet_id=draft.outlet_id, now=now)
        if sale is None or sale.purchase_id != purchase_id:
            raise PurchaseNotFound()
        return words.view(session, draft, now=now), sale

    shown, sale = await ctx.db.transact(unit)
    locale = locale_of(ctx, visitor)
    text = "\n".join(
        [
            *words.who(_, shown),
            "",
            _(
                "📎 Receipt № {number} of {moment}, {total}: put it on this card?",
                number=sale.number,
                moment=_.moment(sale.sold_at, locale.time_zone),
                total=_.money(sale.total, locale.currency),
            ),
            _("It will earn as if the card had been shown in time."),
        ]
    )
    name = base36(draft_id)
    rows: Buttons = [
        [(_("✅ Yes, put it"), f"sale:put:{name}:{base36(purchase_id)}")],
        [(_("Back"), f"sale:show:{name}")],
    ]
    screen = screens.screen_of(query)
    await selling.place(ctx, visitor, now, shown.draft, text, rows, message_id=screen)


async def put(
    query: CallbackQuery, ctx: Context, visitor: Visitor, now: datetime, _: Translator
) -> str | None:
    """[Yes, put it]: the receipt is this guest's, once; no other sale is begun."""
    draft_id, purchase_id = (screens.number_at(query.data, n) for n in (0, 1))

    def unit(session: Session) -> tuple[PurchaseResult, customers.Customer, str]:
        person = at_till(session, visitor)
        draft = drafts.locked(session, draft_id, person)
        if draft.status not in (drafts.OPEN, drafts.CANCELLED):
            drafts.check_open(draft, person, now)
        if draft.staff_id != person.id:
            raise DraftNotFound()
        sale = get_sale(session, purchase_id=purchase_id, outlet_id=draft.outlet_id)
        result = purchases.attach(
            session,
            purchase_id=purchase_id,
            customer_id=draft.customer_id,
            actor=person.actor,
            now=now,
            within=last.late_after(session, now=now),
            staff_id=person.id,
        )
        drafts.cancel(session, draft_id=draft_id, staff=person, now=now)
        if step_number(visitor, "draft") == draft_id:
            set_step(session, visitor, now, None)
        return result, customers.get(session, draft.customer_id), sale.number

    result, person, number = await ctx.db.transact(unit)
    ctx.wake()
    lines = [_("✅ Receipt № {number} is on the card.", number=number)]
    name = words.first_name(person.name)
    if name:
        lines.append(_("Customer: {name}", name=name))
    lines.append(_("Earned: {points}", points=_.points(result.earned)))
    lines.append(_("Balance: {points}", points=_.points(result.balance)))
    rows: Buttons = [[(_("🛍 New sale"), "till:sale")]]
    screen = screens.screen_of(query)
    await screens.show(ctx, visitor, "\n".join(map(str, lines)), rows, message_id=screen)
    return None
