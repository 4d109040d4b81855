"""Bringing friends: the code, the link, its QR, and what became of invitations."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from aiogram.types import BufferedInputFile, CopyTextButton, InlineKeyboardButton
from markupsafe import Markup
from sqlalchemy.orm import Session

from bot import qr
from bot.answers import Turn, button, link
from bot.customer import menu
from loyalty import clock, program, referrals
from loyalty.program import Program, ReferralRule
from loyalty.referrals import Attached, Friend, Overview, Refusal
from loyalty.texts import Translator, html, plain

QR = "invite_qr"
_FRIENDS = 5


async def show_invite(turn: Turn) -> None:
    """The personal link with a button that shares it, the rules in a sentence, who came."""
    found, rules = await _overview(turn)
    _ = turn.say
    if not found.enabled:
        text = _("🤝 Invitations are resting just now. We will tell you when they are back 💛")
        await turn.show(text, [menu.back(_)])
        return
    lines = [
        _("🤝 <b>Invite a friend</b>"),
        _promise(turn, found, rules.return_window_days),
        Markup(""),
        _("Your code: {code}", code=Markup("<code>{}</code>").format(found.code)),
        html(_address(turn, found.code)),
        *_friends(turn, found),
        *_limit(turn, found, rules.referral.monthly_limit),
    ]
    words = plain(_("My favourite place has a loyalty card with gifts. Join me!"))
    address = quote(_address(turn, found.code), safe="")
    share = f"https://t.me/share/url?url={address}&text={quote(words)}"
    rows = [
        [link(_("Share with a friend"), share)],
        [button(_("📷 Show the QR"), QR), _copy(turn, found.code)],
        menu.back(_),
    ]
    await turn.show("\n".join(map(str, lines)), rows)


async def show_qr(turn: Turn) -> None:
    """The link as a picture, for a friend who stands beside."""
    found, _rules = await _overview(turn)
    _ = turn.say
    if not found.enabled:
        await show_invite(turn)
        return
    address = _address(turn, found.code)
    picture = BufferedInputFile(await asyncio.to_thread(qr.png, address), "invitation.png")
    caption = _("🤝 Let your friend scan this with the phone's camera.")
    rows = [[_copy(turn, found.code)], [button(_("‹ Invite"), menu.INVITE), *menu.back(_)]]
    await turn.show_photo(picture, caption, rows)


async def _overview(turn: Turn) -> tuple[Overview, Program]:
    """The customer's invitations, and the rules in force."""
    person = turn.visitor.customer
    assert person is not None
    customer_id, zone = person.id, turn.locale.time_zone

    def unit(session: Session) -> tuple[Overview, Program]:
        rules = program.current(session, now=turn.now).program
        found = referrals.overview(session, customer_id=customer_id, now=turn.now, time_zone=zone)
        return found, rules

    # It makes the code of those who have none yet, so it may write.
    return await turn.ctx.db.transact(unit)


def _address(turn: Turn, code: str) -> str:
    return f"https://t.me/{turn.ctx.bot_username}?start=r_{code}"


def _copy(turn: Turn, code: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(
        text=plain(turn.say("📋 Copy the link")),
        copy_text=CopyTextButton(text=_address(turn, code)),
    )


def _promise(turn: Turn, found: Overview, days: int) -> Markup:
    """The rules in a sentence, and when the points come."""
    said = _rule(turn, found)
    if not days:
        return said
    return Markup(" ").join(
        (
            said,
            turn.say.plural(
                "They come after {n} day, when it can no longer be returned.",
                "They come after {n} days, when it can no longer be returned.",
                days,
            ),
        )
    )


def _rule(turn: Turn, found: Overview) -> Markup:
    _ = turn.say
    minimum = _.money(found.minimum, turn.locale.currency)
    mine, theirs = _.points(found.reward), _.points(found.friend_reward)
    if found.reward == found.friend_reward:
        return _(
            "After your friend's first purchase of {minimum} or more you both get {points}.",
            minimum=minimum,
            points=mine,
        )
    return _(
        "After your friend's first purchase of {minimum} or more you get {mine}, your friend gets "
        "{theirs}.",
        minimum=minimum,
        mine=mine,
        theirs=theirs,
    )


# --- who came --------------------------------------------------------------------------------


def _friends(turn: Turn, found: Overview) -> list[Markup]:
    _ = turn.say
    came = found.invited + found.pending + found.waiting + found.rewarded
    if not came:
        return []
    head = _.plural("👥 {n} friend came by your link", "👥 {n} friends came by your link", came)
    if found.points:
        head = head + ", " + _("+{points} for you so far", points=_.points(found.points))
    lines = [Markup(""), head + ":"]
    lines += [_friend(turn, friend, found) for friend in found.friends[:_FRIENDS]]
    if len(found.friends) > _FRIENDS:
        more = came - _FRIENDS
        lines.append(_.plural("…and {n} more", "…and {n} more", more))
    return lines


def _limit(turn: Turn, found: Overview, monthly: int) -> list[Markup]:
    """That this month's rewards are used up: more friends are welcome, and take a look."""
    if found.left_this_month or not monthly:
        return []
    said = turn.say.plural(
        "🏆 You have had this month's {n} reward. We look at further ones by hand, so they may "
        "take a little longer.",
        "🏆 You have had all {n} rewards of this month. We look at further ones by hand, so they "
        "may take a little longer.",
        monthly,
    )
    return [Markup(""), said]


def _friend(turn: Turn, friend: Friend, found: Overview) -> Markup:
    _, zone = turn.say, turn.locale.time_zone
    day = _.day(clock.local_date(friend.started_at, zone))
    points = _.points(found.reward)
    if friend.status == referrals.REWARDED:
        return _("✅ came on {day}: thank you!", day=day)
    if friend.status == referrals.PENDING and friend.due_at is not None:
        due = _.day(clock.local_date(friend.due_at, zone))
        return _("⏳ came on {day}: {points} on {due}", day=day, points=points, due=due)
    if friend.status == referrals.REVIEW:
        return _("⏳ came on {day}: we are taking a look", day=day)
    minimum = _.money(found.minimum, turn.locale.currency)
    return _("👋 came on {day}: no purchase from {minimum} yet", day=day, minimum=minimum)


# --- the friend's side -----------------------------------------------------------------------


def say_invited(
    _: Translator, answer: Attached | Refusal, rule: ReferralRule, *, currency: str
) -> Markup | None:
    """What became of the code a person came by, kindly; None if there is nothing to say."""
    if isinstance(answer, Attached):
        if not rule.friend_points:
            return _("🤝 Your friend will be glad that you came!")
        return _(
            "🤝 You came by a friend's invitation: your first purchase of {minimum} or more brings "
            "you {points}.",
            minimum=_.money(rule.minimum, currency),
            points=_.points(rule.friend_points),
        )
    if answer == Refusal.OWN_CODE:
        return _("🙂 This is your own invitation: send it to a friend.")
    if answer == Refusal.NOT_NEW:
        return _("Invitations are for new guests, and we know each other already 💛")
    if answer == Refusal.ALREADY_INVITED:
        return _("Another friend has invited you before, and the first invitation counts 🙂")
    if answer == Refusal.CIRCLE:
        return _("You have brought this friend yourself, so it cannot go the other way round 🙂")
    if answer == Refusal.CLOSED:
        return _("Invitations are resting just now, but your card works as ever 💛")
    return None


MEMBERS = {menu.INVITE: show_invite, QR: show_qr}
