"""What the customer owns: points now, on the way and soon gone, and how they came and went."""

from __future__ import annotations

from datetime import date, timedelta

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import menu
from loyalty import clock, tiers, wallet
from loyalty.amounts import points_to_money
from loyalty.texts import N_, Translator
from loyalty.tiers import Progress
from loyalty.wallet import Balance, EntryView, Expiring, Pending

PAGE = 8
_DATES_SHOWN = 4
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

_KINDS = {
    "accrual": N_("For a purchase"),
    "redemption": N_("Paid with points"),
    "expiry": N_("Out of date"),
    "clawback": N_("Taken back for a return"),
    "refund": N_("Given back for a return"),
    "adjustment": N_("Correction"),
    "welcome": N_("Welcome gift 🎁"),
    "birthday": N_("Birthday gift 🎂"),
    "referral": N_("For a friend 🤝"),
    "gift": N_("Gift 🎁"),
    "import": N_("From your old card"),
    "repayment": N_("Debt repaid"),
}
# What tells more than the kind: where the points came from.
_SOURCES = {
    ("gift", "goal"): N_("Goal reached 🎯"),
    ("referral", "referral_friend"): N_("For coming by a friend's invitation 🤝"),
}


async def show_balance(turn: Turn) -> None:
    """The level, points that can be spent, what is on the way, what ends when, what is owed."""
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
        [button(_("🧾 History"), menu.HISTORY), button(_("🎟 Offers"), menu.OFFERS)],
        menu.back(_),
    ]
    text = _balance_text(turn, balance, pending, ending)
    await turn.show("\n".join([text, "", *map(str, _level(turn, level))]), rows)


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
    lines += [Markup("• {}").format(perk.text.said_in(_.language)) for perk in level.perks]
    if level.warned_for is not None:
        lines.append(
            _(
                "⏳ {sum} more by {day}, and this level stays with you.",
                sum=_.money(level.to_keep, currency),
                day=_.day(level.warned_for - timedelta(days=1)),
            )
        )
    return lines


def _balance_text(
    turn: Turn, balance: Balance, pending: list[Pending], ending: list[Expiring]
) -> str:
    _, zone = turn.say, turn.locale.time_zone
    worth = _.money(points_to_money(balance.available), turn.locale.currency)
    lines: list[str | None] = [
        _("💰 You have <b>{points}</b>", points=_.points(balance.available)),
        _("That is {money} off your next purchases.", money=worth) if balance.available else None,
    ]
    if pending:
        lines += ["", _("⏳ On the way:")]
        for coming in _by_day(pending, zone)[:_DATES_SHOWN]:
            lines.append(_("{points} from {day}", points=_.points(coming[1]), day=_.day(coming[0])))
    if ending:
        lines += ["", _("📅 Spend before they end:")]
        for part in ending[:_DATES_SHOWN]:
            day = _.day(part.last_day, year=part.last_day.year != turn.now.year)
            lines.append(_("{points} until {day}", points=_.points(part.points), day=day))
    if balance.held:
        lines += ["", _("🤝 Set aside for a purchase: {points}", points=_.points(balance.held))]
    if balance.debt:
        text = _(
            "↩️ After a return {points} are owed; the next ones you earn will cover that.",
            points=_.points(balance.debt),
        )
        lines += ["", text]
    if balance.frozen_until is not None:
        until = balance.frozen_until
        lines += [
            "",
            _("🔐 Spending is paused until {moment}.", moment=_.moment(until, zone))
            if until.year < 9000
            else _("🔐 Spending is paused. Please talk to our staff."),
        ]
    return "\n".join(str(line) for line in lines if line is not None)


def _by_day(pending: list[Pending], zone: str) -> list[tuple[date, int]]:
    days: dict[date, int] = {}
    for part in pending:
        day = clock.local_date(part.active_from, zone)
        days[day] = days.get(day, 0) + part.points
    return sorted(days.items())


async def show_history(turn: Turn) -> None:
    """One page of how points came and went, the newest first."""
    person = turn.visitor.customer
    assert person is not None
    customer_id, before = person.id, number_of(turn.arg)
    entries = await turn.ctx.db.read(
        lambda session: wallet.history(
            session, customer_id=customer_id, before_id=before, limit=PAGE + 1
        )
    )
    _ = turn.say
    page = entries[:PAGE]
    rows = []
    if len(entries) > PAGE:
        older = f"{menu.HISTORY}:{short_of(page[-1].id)}"
        rows.append([button(_("Older »"), older)])
    rows.append(menu.back(_))
    if not page:
        await turn.show(_("Nothing here yet. Your first purchase will be 💛"), rows)
        return
    lines = [str(_("🧾 <b>Your points</b>")), ""]
    lines += [_line(_, entry, turn.locale.time_zone) for entry in page]
    await turn.show("\n".join(lines), rows)


def _line(_: Translator, entry: EntryView, zone: str) -> str:
    sign = "+" if entry.amount > 0 else "−"
    known = _SOURCES.get((entry.kind, entry.source_kind))
    label = _(known or _KINDS.get(entry.kind, N_("Points")))
    day = _.day(clock.local_date(entry.at, zone))
    return f"{day} · <b>{sign}{_.number(abs(entry.amount))}</b> · {label}"


def short_of(number: int) -> str:
    """An id in the few characters a button has room for."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"


def number_of(text: str) -> int | None:
    """The id behind its short form; None if it is none of ours."""
    if not text or len(text) > 13 or any(c not in _DIGITS for c in text):
        return None
    number = int(text, 36)
    return number if number < 2**63 else None
