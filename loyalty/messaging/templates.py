"""Our own messages: receipts, returns, notices; worded when they leave, in the chat's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from markupsafe import Markup

from loyalty import clock
from loyalty.texts import Translator, dots, translator

Button = Mapping[str, str]
"""``text`` with ``data`` (a screen of the bot, opened below), ``tap`` (callback data as it is) or
``url`` (opens)."""

SCREEN = "go:"
"""Goes before ``data``: the message is no screen, so it stays when its button is tapped."""


@dataclass(frozen=True, slots=True)
class Message:
    """What Telegram is given: HTML text, rows of buttons, a picture if there is one: ours
    (``media.id``) or by its address."""

    text: str
    buttons: Sequence[Sequence[Button]] = ()
    photo: str | None = None
    picture: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What words depend on besides their values."""

    language: str
    time_zone: str
    currency: str
    now: datetime
    # When the thing that is told about happened.
    created_at: datetime
    # Days until new points can be spent.
    pending_days: int = 1

    @property
    def say(self) -> Translator:
        """The translator of the chat's language."""
        return translator(self.language)


Template = Callable[[Mapping[str, Any], Context], Message]
_TEMPLATES: dict[str, Template] = {}


def _template(name: str) -> Callable[[Template], Template]:
    def register(function: Template) -> Template:
        _TEMPLATES[name] = function
        return function

    return register


def template_names() -> list[str]:
    """Every template of ours, by name."""
    return sorted(_TEMPLATES)


def render(payload: Mapping[str, Any], *, context: Context) -> Message:
    """The message behind an outbox payload of ours, or of words given as they are.

    Raises:
        LookupError: no template goes by that name.
    """
    if "template" not in payload:
        picture = payload.get("picture")
        return Message(
            str(payload["text"]),
            payload.get("buttons") or (),
            payload.get("photo"),
            int(picture) if picture else None,
        )
    template = _TEMPLATES.get(payload["template"])
    if template is None:
        raise LookupError(f"no template called {payload['template']!r}")
    message = template(payload.get("values") or {}, context)
    buttons = payload.get("buttons") or message.buttons
    return Message(message.text, buttons, payload.get("photo") or message.photo)


def _lines(*parts: Markup | str | None) -> str:
    return "\n".join(str(part) for part in parts if part)


def _balance(values: Mapping[str, Any], context: Context) -> list[Markup | None]:
    """The balance, and pending and debt beside it when there are any."""
    _ = context.say
    pending, debt = int(values.get("pending") or 0), int(values.get("debt") or 0)
    return [
        _("Balance: <b>{points}</b>", points=_.points(int(values.get("balance") or 0))),
        _("On the way: {points}", points=_.points(pending)) if pending else None,
        _("Owed: {points}, we will take them from your next ones", points=_.points(debt))
        if debt
        else None,
    ]


def _ready(context: Context) -> Markup | None:
    """From when points earned by then can be spent; None if they can be already."""
    _ = context.say
    ready_at = context.created_at + timedelta(days=context.pending_days)
    if ready_at <= context.now:
        return None
    ready = clock.local_date(ready_at, context.time_zone)
    today = clock.local_date(context.now, context.time_zone)
    if ready == today:
        return _("ready today")
    if ready == today + timedelta(days=1):
        return _("ready tomorrow")
    return _("ready on {day}", day=_.day(ready))


@_template("receipt")
def _receipt(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    total = _.money(int(values["total"]), context.currency)
    earned, redeemed = int(values.get("earned") or 0), int(values.get("redeemed") or 0)
    head: str
    if earned:
        head = _("🎉 <b>+{points}</b> for {total}", points=_.points(earned), total=total)
        ready = _ready(context) if values.get("pending") else None
        if ready:
            head = f"{head} · {ready}"
    else:
        head = _("🧾 Thank you for your purchase of {total}!", total=total)
    gifts, goal = values.get("gifts") or (), int(values.get("goal_points") or 0)
    text = _lines(
        head,
        _parts(values.get("parts") or (), _),
        *_paid(values, context),
        _("Paid with points: {n}", n=_.number(redeemed)) if redeemed else None,
        *(_stamps(card, _) for card in values.get("stamps") or ()),
        _("🎯 Goal reached: <b>+{points}</b>", points=_.points(goal)) if goal else None,
        *(_("🎁 A gift for you: <b>{name}</b>", name=_own(gift["name"], _)) for gift in gifts),
        _new_tier(values, _),
        *_debt(values, _),
        _("Balance: <b>{points}</b>", points=_.points(int(values.get("balance") or 0))),
    )
    if not gifts:
        return Message(text)
    return Message(text, [[{"text": str(_("🎟 My gifts and coupons")), "data": "offers"}]])


def _debt(values: Mapping[str, Any], _: Translator) -> list[Markup]:
    """How much of what was earned has covered a debt, and how much is still owed."""
    repaid, debt = int(values.get("debt_repaid") or 0), int(values.get("debt") or 0)
    if not repaid:
        return []
    said = [_("↩️ Of these, {n} covered what you owed after a return", n=_.number(repaid))]
    if debt:
        said.append(_("Still owed: {points}", points=_.points(debt)))
    return said


def _own(name: Mapping[str, str], _: Translator) -> str:
    """A name that came in both languages."""
    return name[_.language]


def _parts(parts: Sequence[Mapping[str, Any]], _: Translator) -> Markup | None:
    """Where the points come from: "5 % Silver + 50 Morning coffee"."""
    said = []
    for part in parts:
        name, rate = _own(part["name"], _), part.get("rate_bp")
        if not part["points"]:
            continue
        if part.get("base") and rate:
            percent = _.decimal(int(rate), 2)
            said.append(_("{percent} % {name}", percent=percent, name=name))
        else:
            said.append(_("{points} {name}", points=_.number(int(part["points"])), name=name))
    return Markup("<i>{}</i>").format(Markup(" + ").join(said)) if said else None


def _paid(values: Mapping[str, Any], context: Context) -> list[Markup]:
    """What was taken off, and what a gift card has paid."""
    _ = context.say
    off, card = (int(values.get(name) or 0) for name in ("discount", "gift_paid"))
    said = []
    if off:
        said.append(_("🎟 You saved {money}", money=_.money(off, context.currency)))
    if card:
        said.append(_("💳 Paid by gift card: {money}", money=_.money(card, context.currency)))
    return said


def _stamps(card: Mapping[str, Any], _: Translator) -> Markup:
    stamps, of = int(card["stamps"]), int(card["of"])
    return Markup("{}: {} 🎁").format(_own(card["name"], _), dots(stamps, of))


def _new_tier(values: Mapping[str, Any], _: Translator) -> Markup | None:
    tier = values.get("tier")
    return _("🏆 Your new level: <b>{tier}</b>. Well done!", tier=_own(tier, _)) if tier else None


@_template("returned")
def _returned(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    amount = _.money(int(values["amount"]), context.currency)
    given, taken = int(values.get("spent_returned") or 0), int(values.get("earned_reversed") or 0)
    card, stamps = int(values.get("gift_returned") or 0), int(values.get("stamps") or 0)
    money = _.money(card, context.currency)
    return Message(
        _lines(
            _("↩️ Your return of {amount} is done.", amount=amount),
            _("Points back to you: {points}", points=_.points(given)) if given else None,
            _("Back on your gift card: {money}", money=money) if card else None,
            _("Points taken back: {points}", points=_.points(taken)) if taken else None,
            _("Stamps taken back: {n}", n=_.number(stamps)) if stamps else None,
            *_balance(values, context),
        )
    )


@_template("undone")
def _undone(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    amount = _.money(int(values["amount"]), context.currency)
    return Message(
        _lines(
            _("↩️ The sale of {amount} was cancelled at the till: all is as before.", amount=amount),
            *_balance(values, context),
        )
    )


@_template("welcome_points")
def _welcome_points(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    points = _.points(int(values["points"]))
    return Message(
        _("🎁 A welcome gift: <b>{points}</b>. Spend them whenever you like!", points=points)
    )


@_template("birthday_points")
def _birthday_points(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    points = _.points(int(values["points"]))
    last_day = _.day(date.fromisoformat(values["last_day"]))
    return Message(
        _lines(
            _("🎂 A gift from us for your birthday: <b>{points}</b>", points=points),
            _("Spend them any day up to {day} 💛", day=last_day),
        )
    )


@_template("tier_warned")
def _tier_warned(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    tier = values["tier"][_.language]
    to_keep = _.money(int(values["to_keep"]), context.currency)
    last_day = _.day(date.fromisoformat(values["last_day"]))
    return Message(
        _lines(
            _("⏳ Your level “{tier}” is yours until {day}.", tier=tier, day=last_day),
            _("{sum} more by then, and it stays with you 💛", sum=to_keep),
        )
    )


@_template("referral_reward")
def _referral_reward(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    points = _.points(int(values["points"]))
    if values.get("side") == "friend":
        head = _("🤝 You came by a friend's invitation: <b>+{points}</b> for you!", points=points)
    else:
        head = _("🤝 The friend you invited has made a purchase: <b>+{points}</b>!", points=points)
    return Message(_lines(head, *_balance(values, context)))


@_template("new_account_used_your_phone")
def _new_account(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    hours = int(values.get("hours") or 72)
    return Message(
        _lines(
            _("🔐 Your card has just moved to another Telegram account that has your number."),
            _.plural(
                "Spending points is paused for {n} hour, so nobody can use them instead of you.",
                "Spending points is paused for {n} hours, so nobody can use them instead of you.",
                hours,
            ),
            _("If it was you, ask at the till: they will switch it back on."),
            _("If it was not you, tell our staff at once."),
        )
    )


@_template("consent_changed")
def _consent_changed(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    if values.get("granted"):
        return Message(_("💌 Great, we will write when there is something good for you."))
    return Message(_("🔕 Done: no more news and offers. Receipts and your points stay with you."))


@_template("staff_answer")
def _staff_answer(values: Mapping[str, Any], context: Context) -> Message:
    _ = context.say
    reply = {"text": str(_("💬 Answer")), "data": "talk"}
    text = _("💬 <b>An answer for you</b>\n\n{text}", text=str(values["text"]))
    return Message(text, [[reply]])


@_template("talk_waits")
def _talk_waits(values: Mapping[str, Any], context: Context) -> Message:
    del values
    return Message(
        context.say("💬 A guest has written and waits for an answer: see Talks in the panel.")
    )
