"""What a link brings: a friend's invitation, the purchase of a receipt, a coupon's QR.

For those who join now and for members alike; every reason why it does not count is said kindly.
"""

from __future__ import annotations

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn
from bot.customer import invite, offers
from bot.words import sentence
from loyalty import program, referrals, tokens
from loyalty.errors import (
    AlreadyAttached,
    ClaimExpired,
    CodeInvalid,
    DomainError,
    LateAttach,
    NotNewHere,
)
from loyalty.purchases import claims
from loyalty.referrals import Attached, Refusal
from loyalty.texts import N_

_CARD, _INVITATION = "c_", "r_"

_UNCLAIMED = {
    ClaimExpired: N_("The points of this receipt could be picked up within three days only 😔"),
    LateAttach: N_("The points of this receipt could be picked up within three days only 😔"),
    AlreadyAttached: N_("The points of this receipt are on a card already."),
    NotNewHere: N_(
        "A receipt's link is for new guests. Next time show your card before you pay, "
        "and the points come by themselves 💛"
    ),
}


def said_of_invitation(session: Session, turn: Turn, answer: Attached | Refusal) -> Markup | None:
    """The words for what became of a friend's code."""
    rule = program.current(session, now=turn.now).program.referral
    return invite.say_invited(turn.say, answer, rule, currency=turn.locale.currency)


def claim(session: Session, turn: Turn, token: str, *, customer_id: int) -> Markup | None:
    """Put the receipt's purchase on the card, once; the words for it, or why not.

    A link that is none of ours is not worth a word.
    """
    _ = turn.say
    try:
        result = claims.claim(
            session, keys=turn.ctx.keys, token=token, customer_id=customer_id, now=turn.now
        )
    except CodeInvalid:
        return None
    except DomainError as refusal:
        known = _UNCLAIMED.get(type(refusal))
        return _(known) if known else sentence(_, refusal, turn.locale)
    if result.replayed:
        return _("🧾 This purchase is on your card already.")
    total = _.money(result.total, turn.locale.currency)
    if not result.earned:
        return _("🧾 Your purchase of {total} is on the card now.", total=total)
    points = _.points(result.earned)
    return _("🧾 Your purchase of {total} is on the card: {points}!", total=total, points=points)


async def of_member(turn: Turn, payload: str) -> Markup | None:
    """What a member's link brings, in words; None if nothing."""
    person = turn.visitor.customer
    assert person is not None
    customer_id, _ = person.id, turn.say
    if payload.startswith(_CARD) and tokens.is_card(turn.ctx.keys, payload.removeprefix(_CARD)):
        return _("This is somebody's loyalty card: it is for the cashier to scan 🙂")
    if payload.startswith(offers.LINK):
        return _("🎟 This is a coupon: show it to the cashier, they will scan it 🙂")

    def unit(session: Session) -> Markup | None:
        if payload.startswith(claims.PREFIX):
            return claim(session, turn, payload, customer_id=customer_id)
        code = payload.removeprefix(_INVITATION)
        answer = referrals.attach(session, friend_id=customer_id, code=code, now=turn.now)
        return said_of_invitation(session, turn, answer)

    if not payload.startswith((claims.PREFIX, _INVITATION)):
        return None
    said = await turn.ctx.db.transact(unit)
    turn.ctx.wake()
    return said
