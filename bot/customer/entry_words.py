"""What became of points that came, and where points that went had come from, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from markupsafe import Markup

from loyalty import clock, promotions
from loyalty.reports.entry_facts import Explanation, Given, Origin, Owed, Reminders
from loyalty.texts import N_, Translator

_ORIGINS = 6
"""So many earlier gifts and purchases are told one by one."""

SOURCES = {
    "welcome": N_("Welcome gift 🎁"),
    "birthday": N_("Birthday gift 🎂"),
    "referral": N_("For a friend 🤝"),
    "gift": N_("Gift 🎁"),
    "import": N_("From your old card"),
}
BY_SOURCE = {
    ("gift", "goal"): N_("Goal reached 🎯"),
    ("referral", "referral_friend"): N_("For coming by a friend's invitation 🤝"),
    ("adjustment", "repair"): N_("Correction"),
    ("adjustment", "merge"): N_("From your paper card"),
}
"""What tells more than the kind: where the points came from."""

_EARNED = {
    **SOURCES,
    "accrual": N_("Purchase"),
    "adjustment": N_("Correction"),
    "refund": N_("Given back for a return"),
}
_WHY_NO_REMINDER = {
    "no_consent": N_("We sent no reminder: you have not allowed us to write about such things."),
    "unreachable": N_("We could not send a reminder: this chat was closed."),
}


def _day(_: Translator, day: date, now: datetime) -> str:
    return _.day(day, year=day.year != now.year)


def came(
    _: Translator, found: Explanation, *, currency: str, zone: str, now: datetime
) -> list[Markup | str]:
    """What points that came were for, from when and until when they can be spent, what is left."""
    if not found.given:
        return []
    lines: list[Markup | str] = [""]
    if found.kind == "accrual" and found.purchase is not None:
        bought = found.purchase
        tier = bought.tier.said_in(_.language) if bought.tier else None
        said = promotions.explain(_, bought.parts, bought.names, tier=tier)
        if said:
            lines.append(_("✨ What for: {parts}", parts=said))
    if found.friend_came_at is not None:
        day = _day(_, clock.local_date(found.friend_came_at, zone), now)
        lines.append(
            _("🤝 You came by the invitation on {day}", day=day)
            if found.source_kind == "referral_friend"
            else _("🤝 Your friend came on {day}", day=day)
        )
    if found.goal is not None:
        lines.append(_("🎯 {name}", name=found.goal.said_in(_.language)))
    if found.kind == "refund" and found.returned is not None:
        money = _.money(found.returned.amount, currency)
        lines.append(_("These are the points you had paid with: {money} came back.", money=money))
    for part in found.given:
        lines += _part(_, part, zone, now, alone=len(found.given) == 1)
    if found.repaid:
        lines.append(_("↩️ {points} of them went to what was owed", points=_.points(found.repaid)))
    return lines


def _part(
    _: Translator, part: Given, zone: str, now: datetime, *, alone: bool
) -> list[Markup | str]:
    """From when, until when, how many are left; of several parts a line each."""
    term, left = _term(_, part, zone, now), _left(_, part)
    if not alone:
        said = _("• {n}: {what}", n=_.number(part.points), what=left if not part.left else term)
        return [said, Markup("   {}").format(left)] if 0 < part.left < part.points else [said]
    if not part.left and part.state != "ended":
        return [left]
    sign = {"waiting": "⏳", "open": "✅", "ended": "⌛"}[part.state]
    lines: list[Markup | str] = [Markup("{} {}").format(sign, term)]
    return lines if part.state == "ended" else [*lines, left]


def _term(_: Translator, part: Given, zone: str, now: datetime) -> Markup:
    since = _day(_, clock.local_date(part.active_from, zone), now)
    last = _day(_, part.last_day, now) if part.last_day is not None else None
    if part.state == "ended":
        return _("They were good through {day}", day=last)
    if part.state == "waiting":
        if last is None:
            return _("To spend from {since} on, without an end", since=since)
        return _("To spend from {since} to {last}", since=since, last=last)
    if last is None:
        return _("To spend since {since}, without an end", since=since)
    return _("To spend since {since}, through {last}", since=since, last=last)


def _left(_: Translator, part: Given) -> Markup:
    if part.left == part.points:
        return _("💛 All of them are still here")
    if part.left:
        return _.plural("{n} of them is left", "{n} of them are left", part.left)
    return _("None of them are left")


def went(
    _: Translator, found: Explanation, *, currency: str, zone: str, now: datetime
) -> list[Markup | str]:
    """Where points that went had come from, and why they went if that needs a word."""
    lines: list[Markup | str] = []
    if found.kind == "clawback" and found.returned is not None:
        money = _.money(found.returned.amount, currency)
        lines += ["", _("{money} came back, so the points for it went too.", money=money)]
        if found.returned.debt:
            points = _.points(found.returned.debt)
            lines.append(
                _("{points} of them were spent already: the next ones cover that.", points=points)
            )
    if found.kind == "repayment":
        lines += ["", *_repaid(_, found.owed, currency, zone, now)]
    if found.origins and found.kind != "repayment":
        lines += ["", _origins_head(_, found)]
        lines += [_origin(_, item, currency, zone, now) for item in found.origins[:_ORIGINS]]
        rest = sum(item.points for item in found.origins[_ORIGINS:])
        if rest:
            lines.append(_("• {points} from earlier ones", points=_.points(rest)))
    if found.kind == "expiry":
        lines += _expired(_, found.origins, found.reminders, zone, now)
    return lines


def _origins_head(_: Translator, found: Explanation) -> Markup:
    if found.kind == "redemption":
        return _("You paid with points from:")
    return _("These points were from:")


def _origin(_: Translator, item: Origin, currency: str, zone: str, now: datetime) -> Markup:
    day = _day(_, clock.local_date(item.earned_at, zone), now)
    if item.total is not None:
        name = _("Purchase of {money}", money=_.money(item.total, currency))
    else:
        known = BY_SOURCE.get((item.kind, item.source_kind))
        name = _(known or _EARNED.get(item.kind, N_("Points")))
    return _("• {n}: {name}, {day}", n=_.number(item.points), name=name, day=day)


def _repaid(
    _: Translator, owed: Sequence[Owed], currency: str, zone: str, now: datetime
) -> list[Markup | str]:
    lines: list[Markup | str] = [
        _("After a return you owed points you had spent already. New ones cover that first:")
    ]
    for item in owed:
        day = _day(_, clock.local_date(item.at, zone), now)
        if item.returned is None:
            lines.append(_("• {n}, owed since {day}", n=_.number(item.points), day=day))
            continue
        money = _.money(item.returned.amount, currency)
        lines.append(
            _("• {n}: return of {money}, {day}", n=_.number(item.points), money=money, day=day)
        )
    return lines


def _expired(
    _: Translator,
    origins: Sequence[Origin],
    reminders: Reminders | None,
    zone: str,
    now: datetime,
) -> list[Markup | str]:
    lines: list[Markup | str] = []
    last = next((item.last_day for item in origins if item.last_day is not None), None)
    if last is not None:
        lines.append(_("⌛ They could be spent through {day}", day=_day(_, last, now)))
    if reminders is None:
        return lines
    if reminders.sent:
        said = _.plural("🔔 We reminded you {n} time", "🔔 We reminded you {n} times",
                        reminders.sent)  # fmt: skip
        if reminders.last_at is not None:
            day = _day(_, clock.local_date(reminders.last_at, zone), now)
            said = _("{said}, last on {day}", said=said, day=day)
        lines.append(said)
    else:
        why = _WHY_NO_REMINDER.get(reminders.reason or "")
        lines.append(_(why or N_("We sent no reminder this time, sorry.")))
    return lines
