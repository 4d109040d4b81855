"""Where did my points go: one line of the history explained, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import help, menu, rating
from bot.customer.entry_words import BY_SOURCE, SOURCES, came, went
from loyalty import clock
from loyalty.errors import EntryNotFound
from loyalty.ids import number_of, short_of
from loyalty.purchases import draft_lines
from loyalty.reports import entries
from loyalty.reports.entry_facts import Bought, Explanation, Goods, Listed
from loyalty.texts import N_, Translator, bold

ENTRY, TALK = "entry", "talk"

_KINDS = {
    "accrual": N_("For a purchase"),
    "redemption": N_("Paid with points"),
    "expiry": N_("Out of date"),
    "clawback": N_("Taken back for a return"),
    "refund": N_("Given back for a return"),
    "adjustment": N_("Correction by our staff"),
    "repayment": N_("Debt repaid"),
    **SOURCES,
}
_WITH_SUM = {
    "accrual": N_("For a purchase of {money}"),
    "redemption": N_("Spent on a purchase of {money}"),
    "clawback": N_("Return of {money}"),
    "refund": N_("Back for a return of {money}"),
}


def signed(_: Translator, amount: int) -> str:
    """+50 or −50."""
    return f"{'+' if amount > 0 else '−'}{_.number(abs(amount))}"


def title(_: Translator, item: Listed | Explanation, currency: str) -> Markup:
    """What an entry is, in a few words."""
    total = item.total if isinstance(item, Listed) else None
    if total is not None and item.kind in _WITH_SUM:
        return _(_WITH_SUM[item.kind], money=_.money(total, currency))
    if item.source_kind == "merge" and item.amount < 0:
        return _("Owed on your paper card")
    known = BY_SOURCE.get((item.kind, item.source_kind))
    return _(known or _KINDS.get(item.kind, N_("Points")))


async def show_entry(turn: Turn) -> None:
    """One entry: what it was for, and what became of its points or where they came from."""
    person = turn.visitor.customer
    assert person is not None
    customer_id, zone = person.id, turn.locale.time_zone
    short, _colon, place = turn.arg.partition(":")
    entry_id = number_of(short)

    def unit(session: Session) -> tuple[Explanation, Mapping[str, str]]:
        said = entries.explain(
            session,
            customer_id=customer_id,
            entry_id=entry_id or 0,
            now=turn.now,
            time_zone=zone,
        )
        return said, _kinds(session, turn) if said.purchase is not None else {}

    try:
        found, kinds = await turn.ctx.db.read(unit)
    except EntryNotFound:
        # Somebody else's or nobody's: a forged button learns nothing.
        await help.stale(turn)
        return
    _ = turn.say
    back = place if place.partition(":")[0] == menu.HISTORY else menu.HISTORY
    rows = [*_actions(_, found), [button(_("‹ History"), back), *menu.back(_)]]
    await turn.show(_text(turn, found, kinds), rows)


def _kinds(session: Session, turn: Turn) -> Mapping[str, str]:
    """What kinds of goods are called; a till that takes no names notes the kind only."""
    known = draft_lines.categories(session, now=turn.now)
    return {one.category.casefold(): one.name.said_in(turn.say.language) for one in known}


def _actions(_: Translator, found: Explanation) -> list[list[InlineKeyboardButton]]:
    """What can be done about a purchase; a return is a thing to ask about too."""
    purchase = found.purchase
    if purchase is None:
        return []
    row = [] if found.returned is not None else [rating.button(_, purchase.id)]
    row.append(button(_("💬 Ask about this"), f"{TALK}:{short_of(purchase.id)}"))
    return [row]


def _text(turn: Turn, found: Explanation, kinds: Mapping[str, str]) -> str:
    _, locale = turn.say, turn.locale
    lines: list[Markup | str] = [
        Markup("{} · {}").format(bold(signed(_, found.amount)), title(_, found, locale.currency)),
        _when(turn, found),
    ]
    if found.purchase is not None:
        lines += _receipt(_, found.purchase, locale.currency, kinds)
    lines += came(_, found, currency=locale.currency, zone=locale.time_zone, now=turn.now)
    lines += went(_, found, currency=locale.currency, zone=locale.time_zone, now=turn.now)
    after = _("Points on the card after it: {n}", n=_.number(found.balance_after))
    lines += ["", Markup("<i>{}</i>").format(after)]
    return "\n".join(map(str, lines))


def _when(turn: Turn, found: Explanation) -> Markup:
    """The moment, and the place if it was at one."""
    at = _moment(turn.say, found.at, turn.locale.time_zone, turn.now)
    outlet = found.purchase.outlet if found.purchase is not None else None
    if not outlet:
        return Markup("{}").format(at)
    return Markup("{} · {}").format(at, outlet)


def _moment(_: Translator, at: datetime, zone: str, now: datetime) -> str:
    """Day and time; with the year if it is not this one."""
    day = clock.local_date(at, zone)
    if day.year == clock.local_date(now, zone).year:
        return _.moment(at, zone)
    return f"{_.day(day, year=True)}, {at.astimezone(clock.zone(zone)):%H:%M}"


def _receipt(
    _: Translator, bought: Bought, currency: str, kinds: Mapping[str, str]
) -> list[Markup | str]:
    named = [line for line in bought.lines if line.name]
    lines: list[Markup | str] = [""] if named else []
    lines += [_goods(_, line, currency, kinds) for line in named]
    if named and bought.more_lines:
        lines.append(_.plural("…and {n} more", "…and {n} more", bought.more_lines))
    total = _.money(bought.total, currency)
    if bought.redeemed:
        n = _.number(bought.redeemed)
        lines.append(_("Total {money}, {n} of it in points", money=total, n=n))
    else:
        lines.append(_("Total {money}", money=total))
    if bought.returned:
        lines.append(_("Returned: {money}", money=_.money(bought.returned, currency)))
    return lines


def _goods(_: Translator, line: Goods, currency: str, kinds: Mapping[str, str]) -> Markup:
    name = kinds.get((line.name or "").casefold(), line.name or "")
    if line.quantity_milli % 1000:
        name = f"{name} ×{_.decimal(line.quantity_milli, 3)}"
    elif line.quantity_milli > 1000:
        name = f"{name} ×{line.quantity_milli // 1000}"
    said = Markup("• {} – {}").format(name, _.money(line.amount, currency))
    return said + " ↩️" if line.returned_milli >= line.quantity_milli else said


MEMBERS = {ENTRY: show_entry}
