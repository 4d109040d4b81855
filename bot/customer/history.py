"""How points came and went: pages by day, what came or what went alone, any line to open."""

from __future__ import annotations

from datetime import date

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from bot.answers import Turn, button
from bot.customer import entry, menu
from loyalty import clock
from loyalty.ids import number_of, short_of
from loyalty.reports import entries
from loyalty.reports.entries import Which
from loyalty.reports.entry_facts import Listed, Page
from loyalty.texts import N_, Translator, bold

PAGE = 8
_ACROSS = 4
"""Buttons of lines in a row."""

_FILTERS: dict[Which, str] = {
    "all": N_("All"),
    "earned": N_("+ Earned"),
    "spent": N_("− Spent"),
}
_NOTHING: dict[Which, str] = {
    "all": N_("Nothing here yet. Your first purchase will be 💛"),
    "earned": N_("Nothing has come in yet. Your first purchase will 💛"),
    "spent": N_("You have not spent any points yet: they are all here 💛"),
}


async def show_history(turn: Turn) -> None:
    """One page of how points came and went, the newest first."""
    which, start = _place(turn.arg)
    page = await _read(turn, which, start)
    if start is not None and not page.entries:
        # What began this page is not there (a forged button): the beginning is.
        start, page = None, await _read(turn, which, None)
    await turn.show(_text(turn, which, page), _rows(turn.say, which, start, page))


async def _read(turn: Turn, which: Which, start: int | None) -> Page:
    person = turn.visitor.customer
    assert person is not None
    customer_id = person.id
    return await turn.ctx.db.read(
        lambda session: entries.page(
            session, customer_id=customer_id, which=which, start=start, limit=PAGE
        )
    )


def _place(arg: str) -> tuple[Which, int | None]:
    """What is asked for, and the entry a page begins with: ``WHICH:ID``."""
    name, _colon, start = arg.partition(":")
    which: Which = next((known for known in _FILTERS if known == name), "all")
    return which, number_of(start) or None


def _to(which: Which, start: int | None) -> str:
    """The data of a button that opens a page."""
    return ":".join((menu.HISTORY, which, *([short_of(start)] if start else [])))


def _text(turn: Turn, which: Which, page: Page) -> str:
    _, zone = turn.say, turn.locale.time_zone
    if not page.entries:
        return str(_(_NOTHING[which]))
    lines: list[Markup | str] = [_("🧾 <b>Your points</b>")]
    day: date | None = None
    this_year = clock.local_date(turn.now, zone).year
    for n, item in enumerate(page.entries, 1):
        own = clock.local_date(item.at, zone)
        if own != day:
            day = own
            # No empty lines between days: a page and its buttons fit a phone's screen.
            lines.append(Markup("<i>{}</i>").format(_.day(own, year=own.year != this_year)))
        lines.append(_line(turn, n, item))
    return "\n".join(map(str, lines))


def _line(turn: Turn, n: int, item: Listed) -> Markup:
    _ = turn.say
    amount = bold(entry.signed(_, item.amount))
    return Markup("{}. {} · {}").format(n, amount, entry.title(_, item, turn.locale.currency))


def _rows(
    _: Translator, which: Which, start: int | None, page: Page
) -> list[list[InlineKeyboardButton]]:
    numbers = [
        button(str(n), f"{entry.ENTRY}:{short_of(item.id)}:{_to(which, start)}")
        for n, item in enumerate(page.entries, 1)
    ]
    rows = [numbers[at : at + _ACROSS] for at in range(0, len(numbers), _ACROSS)]
    turning = []
    if page.newer is not None:
        turning.append(button(_("« Newer"), _to(which, page.newer)))
    if page.older is not None:
        turning.append(button(_("Older »"), _to(which, page.older)))
    if turning:
        rows.append(turning)
    # Nobody needs to sort what is not there; whoever has chosen must find the way back.
    if page.entries or which != "all":
        rows.append(
            [
                button(f"• {_(label)}" if key == which else _(label), _to(key, None))
                for key, label in _FILTERS.items()
            ]
        )
    rows.append([button(_("‹ Points"), menu.BALANCE), *menu.back(_)])
    return rows


MEMBERS = {menu.HISTORY: show_history}
