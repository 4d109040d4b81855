"""`regulars report NAME`: the reports of the panel in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import JsonOption, fail, load_settings, say, show, show_json, with_database

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Figures = dict[str, Any]


def report(
    name: Annotated[str, typer.Argument(help="sales or points")],
    start: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day, 2026-01-31.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day.")] = None,
    outlet: Annotated[str | None, typer.Option("--outlet", metavar="NAME")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a report: sales, points. Example: regulars report sales --from 2026-01-01."""
    _ = say()
    make = _REPORTS.get(name)
    if make is None:
        fail(_("There is no report {name}; there are: {names}.", name=name, names=_NAMES))
    first, last = _day(start, "--from"), _day(end, "--to")
    if first is not None and last is not None and first > last:
        fail(_("--from is later than --to."))
    if outlet is not None and name == "points":
        fail(_("Points are not counted by outlet."))
    figures = with_database(lambda session: make(session, first, last, outlet), write=False)
    if as_json:
        show_json(figures)
    else:
        _table(name, figures)


def _sales(session: Session, start: date | None, end: date | None, outlet: str | None) -> Figures:
    from loyalty import staff
    from loyalty.amounts import to_decimal
    from loyalty.errors import OutletNotFound
    from loyalty.reports import sales

    outlet_id = None
    if outlet is not None:
        found = staff.find_outlet(session, name=outlet)
        if found is None:
            raise OutletNotFound(name=outlet)
        outlet_id = found.id
    result = sales.sales(session, start=start, end=end, outlet_id=outlet_id)
    average = result.average_receipt
    return {
        "revenue": str(to_decimal(result.revenue)),
        "gross": str(to_decimal(result.gross)),
        "returned": str(to_decimal(result.returned)),
        "receipts": result.receipts,
        "buyers": result.buyers,
        "repeat_buyers": result.repeat_buyers,
        "repeat_rate": result.repeat_rate,
        "average_receipt": None if average is None else str(to_decimal(average)),
    }


def _points(session: Session, start: date | None, end: date | None, outlet: str | None) -> Figures:
    from loyalty import clock
    from loyalty.amounts import to_decimal
    from loyalty.reports import points

    del outlet
    zone = load_settings().time_zone
    flow = points.flow(session, time_zone=zone, start=start, end=end)
    standing = points.standing(session, now=clock.now())
    return {
        "issued": flow.issued,
        "spent": flow.spent,
        "expired": flow.expired,
        "taken_back": flow.taken_back,
        "adjusted": flow.adjusted,
        "outstanding": standing.outstanding,
        "pending": standing.pending,
        "debt": standing.debt,
        "holders": standing.holders,
        "liability": str(to_decimal(standing.liability)),
    }


_REPORTS: dict[str, Callable[..., Figures]] = {"sales": _sales, "points": _points}
_NAMES = ", ".join(_REPORTS)
_MONEY = frozenset({"revenue", "gross", "returned", "average_receipt", "liability"})


def _table(name: str, figures: Figures) -> None:
    from loyalty.amounts import MINOR_UNITS

    _ = say()
    words = {
        "revenue": _("Revenue, net of returns"),
        "gross": _("Sold before returns"),
        "returned": _("Goods returned"),
        "receipts": _("Receipts"),
        "buyers": _("Buyers"),
        "repeat_buyers": _("Buyers who came again"),
        "repeat_rate": _("Repeat rate"),
        "average_receipt": _("Average receipt"),
        "issued": _("Points issued"),
        "spent": _("Points spent"),
        "expired": _("Points expired"),
        "taken_back": _("Points taken back"),
        "adjusted": _("Points corrected by hand"),
        "outstanding": _("Points outstanding now"),
        "pending": _("of them not active yet"),
        "debt": _("Points owed by customers"),
        "holders": _("Customers with points"),
        "liability": _("What outstanding points are worth"),
    }
    currency = load_settings().currency
    width = max(len(words[key]) for key in figures)
    for key, value in figures.items():
        if value is None:
            text = "—"
        elif key in _MONEY:
            text = _.money(int(Decimal(value) * MINOR_UNITS), currency)
        elif key == "repeat_rate":
            text = f"{_.decimal(round(value * 1000), 1)} %"
        else:
            text = _.number(value) if isinstance(value, int) else value
        show(f"{words[key]:<{width}}  {text}")
    del name


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        _ = say()
        fail(_("{option} is a day like 2026-01-31.", option=option))
