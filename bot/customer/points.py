"""What the customer owns: points now, on the way and soon gone, and the level."""

from __future__ import annotations

from datetime import date, timedelta

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import menu
from loyalty import clock, tiers, wallet
from loyalty.amounts import points_to_money
from loyalty.texts import Translator
from loyalty.tiers import Progress
from loyalty.wallet import Balance, Expiring, Pending

_DATES_SHOWN = 2
_PERKS_SHOWN = 3


async def show_balance(turn: Turn) -> None:
    """Points that can be spent, what is on the way, what ends when, what is owed; the level."""
    person = turn.visitor.customer
    assert person is not None
    customer_id, zone = person.id, turn.locale.time_zone

    def unit(session: Session) -> tuple[Balance, list[Pending], list[Expiring], Progress]:
        now = turn.now
        balance = wallet.balance(session, customer_id=customer_id, now=now)
        pending = (
            wallet.pending(session, customer_id=customer_id, now=now) if balance.pending else []
        )
        ending = (
            wallet.expiring(session, customer_id=customer_id, now=now, time_zone=zone)
            if balance.posted
            else []
        )
        level = tiers.progress(session, customer_id=customer_id, now=now, time_zone=zone)
        return balance, pending, ending, level

    balance, pending, ending, level = await turn.ctx.db.read(unit)
    _ = turn.say
    rows = [
        [button(_("🧾 History"), menu.HISTORY)],
        [button(_("🎟 Offers"), menu.OFFERS), button(_("☕️ Stamps"), menu.STAMPS)],
        menu.back(_),
    ]
    lines = [*_points(turn, balance, pending, ending), "", *_level(turn, level)]
    await turn.show("\n".join(map(str, lines)), rows)


def _points(
    turn: Turn, balance: Balance, pending: list[Pending], ending: list[Expiring]
) -> list[Markup]:
    """A line for everything there is, and none for what there is not."""
    _, zone = turn.say, turn.locale.time_zone
    worth = _.money(points_to_money(balance.available), turn.locale.currency)
    points = _.points(balance.available)
    if balance.available:
        lines = [_("💰 You have <b>{points}</b>: {money} off", points=points, money=worth)]
    else:
        lines = [_("💰 You have <b>{points}</b>", points=points)]
    if pending:
        lines.append(_("⏳ On the way: {parts}", parts=_coming(_, _by_day(pending, zone))))
    lines += _ending(turn, ending)
    if balance.held:
        lines.append(_("🤝 Set aside for a purchase: {points}", points=_.points(balance.held)))
    if balance.debt:
        lines.append(
            _(
                "↩️ After a return {points} are owed; the next ones you earn will cover that.",
                points=_.points(balance.debt),
            )
        )
    if balance.frozen_until is not None:
        lines.append(said_of_freeze(turn, balance))
    return lines


def said_of_freeze(turn: Turn, balance: Balance) -> Markup:
    """That points cannot be spent now, until when, and that they still come."""
    _, until = turn.say, balance.frozen_until
    if until is not None and until.year < 9000:
        moment = _.moment(until, turn.locale.time_zone)
        return _("🔐 Spending is paused until {moment}; new points still come.", moment=moment)
    return _("🔐 Spending is paused; new points still come. Please ask our staff.")


def _coming(_: Translator, days: list[tuple[date, int]]) -> Markup:
    """The nearest ones: "22 from 23 November, 40 later"."""
    said = [
        _("{n} from {day}", n=_.number(points), day=_.day(day))
        for day, points in days[:_DATES_SHOWN]
    ]
    rest = sum(points for _day, points in days[_DATES_SHOWN:])
    if rest:
        said.append(_("{n} later", n=_.number(rest)))
    return Markup(", ").join(said)


def _ending(turn: Turn, ending: list[Expiring]) -> list[Markup]:
    """Until when points can be spent, the nearest days first, a line each."""
    _, year = turn.say, clock.local_date(turn.now, turn.locale.time_zone).year
    lines = [
        _(
            "📅 Spend by {day}: {n}",
            day=_.day(part.last_day, year=part.last_day.year != year),
            n=_.number(part.points),
        )
        for part in ending[:_DATES_SHOWN]
    ]
    rest = sum(part.points for part in ending[_DATES_SHOWN:])
    if rest:
        lines[-1] = _("{said}, {n} later", said=lines[-1], n=_.number(rest))
    return lines


def _by_day(pending: list[Pending], zone: str) -> list[tuple[date, int]]:
    days: dict[date, int] = {}
    for part in pending:
        day = clock.local_date(part.active_from, zone)
        days[day] = days.get(day, 0) + part.points
    return sorted(days.items())


def _level(turn: Turn, level: Progress) -> list[Markup | str]:
    """The tier with its bar and what it gives; until when it lasts if that is in question."""
    _, currency = turn.say, turn.locale.currency
    title = level.tier.title(_.language)
    percent = _.decimal(level.tier.earn_rate_bp, 2)
    lines: list[Markup | str] = [
        _("🏅 <b>{tier}</b> · {percent} % back in points", tier=title, percent=percent)
    ]
    # A program with one level only has nowhere to climb.
    if level.next_tier is not None or level.tier.threshold:
        lines.append(tiers.progress_line(_, level, currency=currency))
    shown = level.perks[:_PERKS_SHOWN]
    lines += [Markup("• {}").format(perk.text.said_in(_.language)) for perk in shown]
    more = len(level.perks) - len(shown)
    if more:
        lines.append(_.plural("…and {n} more", "…and {n} more", more))
    if level.warned_for is not None:
        lines.append(
            _(
                "⏳ {sum} more by {day}, and this level stays with you.",
                sum=_.money(level.to_keep, currency),
                day=_.day(level.warned_for - timedelta(days=1)),
            )
        )
    return lines


MEMBERS = {menu.BALANCE: show_balance}
