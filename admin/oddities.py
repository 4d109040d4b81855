"""What looks odd: flags with what they mean, links to look closer, and a mark that one has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import PANEL, allowed, db, me
from admin.customers import row_id
from admin.render import language, page
from loyalty import clock, guards, staff
from loyalty.customers import customer
from loyalty.errors import AnomalyNotFound
from loyalty.guards import Anomaly
from loyalty.staff import OWNER, outlet, outlet_key
from loyalty.texts import N_, Translator

_HOME = "/admin/oddities"
_PAGE = 40
_TITLES = {
    "card_sales": N_("One card, many purchases"),
    "cashier_sales": N_("Very many sales in an hour"),
    "cashier_one_card": N_("A cashier and one card, again and again"),
    "redemption_without_receipt": N_("Points spent without a receipt number"),
    "cashier_returns": N_("Many returns by one cashier"),
}
_ADVICE = {
    "card_sales": N_(
        "Perhaps somebody collects for a whole company, or a cashier puts other guests' receipts "
        "on this card. Look at the purchases: who rang them up, and when?"
    ),
    "cashier_sales": N_(
        "Perhaps a rush, perhaps sales that never were. Compare with the till's own journal."
    ),
    "cashier_one_card": N_(
        "Perhaps a friend who lives next door, perhaps the cashier's own card. Ask before you "
        "judge."
    ),
    "redemption_without_receipt": N_(
        "The till spent points but named no receipt, so the sale cannot be checked. Ask whoever "
        "set the till up to send receipt numbers."
    ),
    "cashier_returns": N_(
        "Perhaps a bad batch, perhaps goods that never came back. Look at the receipts."
    ),
}


@dataclass(frozen=True, slots=True)
class _Who:
    """Names by actor ("customer:5"), and links to look closer (plain text)."""

    names: dict[str, str]

    def of(self, subject: str) -> list[tuple[str, str, str | None]]:
        """(kind, name, where to look) of everybody a flag is about."""
        found = []
        for part in subject.split("/"):
            kind, _, number = part.partition(":")
            link = f"/admin/customers/{number}" if kind == "customer" else None
            found.append((kind, self.names.get(part, ""), link))
        return found


@allowed(*PANEL)
async def oddities_page(request: web.Request) -> web.StreamResponse:
    """Flags nobody has looked at, or all of them."""
    everything = request.query.get("all") == "1"
    before = row_id(request.query.get("before", ""))

    def unit(session: Session) -> tuple[list[Anomaly], _Who, dict[str, str]]:
        found = guards.listing(session, unseen=not everything, limit=_PAGE + 1, before=before)
        people = {person.actor: person.name for person in staff.everyone(session)}
        return found, _Who(_names(session, found, people)), people

    found, who, people = await db(request).read(unit)
    t, shown = language(request), found[:_PAGE]
    return page(
        request,
        "oddities.html",
        shown=[(one, *_said(t, one, who)) for one in shown],
        following=shown[-1].id if len(found) > _PAGE else None,
        everything=everything,
        people=people,
        may_mark=me(request).role == OWNER,
    )


def _names(session: Session, found: Sequence[Anomaly], people: dict[str, str]) -> dict[str, str]:
    ids: dict[str, set[int]] = {"customer": set(), "key": set()}
    for one in found:
        for part in one.subject.split("/"):
            kind, _, number = part.partition(":")
            if kind in ids and number.isdigit():
                ids[kind].add(int(number))
    guests = session.execute(
        sa.select(customer.c.id, customer.c.name).where(customer.c.id.in_(sorted(ids["customer"])))
    )
    tills = session.execute(
        sa.select(outlet_key.c.id, outlet.c.name)
        .join(outlet, outlet.c.id == outlet_key.c.outlet_id)
        .where(outlet_key.c.id.in_(sorted(ids["key"])))
    )
    names = dict(people)
    names |= {f"customer:{row.id}": row.name or "" for row in guests}
    names |= {f"key:{row.id}": row.name for row in tills}
    return names


def _said(t: Translator, one: Anomaly, who: _Who) -> tuple[Any, Any, Any, list[Any]]:
    """Title, what happened, what it may mean, and who it is about."""
    subjects = who.of(one.subject)
    title = t(_TITLES.get(one.kind, N_("Something unusual")))
    advice = t(_ADVICE[one.kind]) if one.kind in _ADVICE else ""
    name = subjects[0][1] or t("Without a name")
    n, day = one.count, t.day(one.day, year=True)
    match one.kind:
        case "card_sales":
            fact = t.plural(
                "{n} purchase on one card on {day}.", "{n} purchases on one card on {day}.",
                n, day=day,
            )  # fmt: skip
        case "cashier_sales":
            fact = t.plural(
                "{name} rang up {n} sale within an hour on {day}.",
                "{name} rang up {n} sales within an hour on {day}.",
                n, name=name, day=day,
            )  # fmt: skip
        case "cashier_one_card":
            guest = subjects[-1][1] or t("Without a name")
            fact = t.plural(
                "{name} put {n} sale on the card of {guest} on {day}.",
                "{name} put {n} sales on the card of {guest} on {day}.",
                n, name=name, guest=guest, day=day,
            )  # fmt: skip
        case "redemption_without_receipt":
            fact = t.plural(
                "The till at {name}: {n} time on {day}.", "The till at {name}: {n} times on {day}.",
                n, name=name, day=day,
            )  # fmt: skip
        case "cashier_returns":
            fact = t.plural(
                "{name} took back {n} purchase on {day}.",
                "{name} took back {n} purchases on {day}.",
                n, name=name, day=day,
            )  # fmt: skip
        case _:
            fact = t.plural("{n} time on {day}.", "{n} times on {day}.", n, day=day)
    return title, fact, advice, [(kind, said, link) for kind, said, link in subjects if link]


@allowed(OWNER)
async def mark(request: web.Request) -> web.StreamResponse:
    """Note that somebody has looked."""
    number, actor, now = row_id(request.match_info["id"]), me(request).actor, clock.now()
    if number is None:
        raise AnomalyNotFound()
    await db(request).transact(
        lambda session: guards.mark_seen(session, anomaly_id=number, actor=actor, now=now)
    )
    raise web.HTTPSeeOther(_HOME)
