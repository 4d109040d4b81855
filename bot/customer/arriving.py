"""What a link brings: a friend's invitation, the purchase of a receipt, a coupon's QR.

For those who join now and for members alike; every reason why it does not count is said kindly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn
from bot.customer import invite, offers, paper
from bot.words import sentence
from loyalty import customers, joining, program, referrals, staff, tokens
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


Claim = Callable[..., Markup | None]
CLAIMS: dict[str, Claim] = {claims.PREFIX: claim, paper.PREFIX: paper.claim}
"""What a link puts on the card of whoever joins by it or opens it, by the payload's beginning;
called as ``claim`` is. A link that is nothing of ours gives None."""


def claim_all(
    session: Session, turn: Turn, payloads: Sequence[str], *, customer_id: int
) -> list[Markup]:
    """The words for what the links of somebody who has just joined bring, the newest first.

    Of receipts one counts: a second one would not be a new guest's.
    """
    said: dict[str, Markup] = {}
    for payload in payloads:
        kind = payload[:2]
        if kind in CLAIMS and kind not in said:
            words = CLAIMS[kind](session, turn, payload, customer_id=customer_id)
            if words is not None:
                said[kind] = words
    return list(said.values())


# --- guessing --------------------------------------------------------------------------------

TRIES = 5
TRIES_WITHIN = timedelta(minutes=1)


def _subject(telegram_id: int) -> str:
    return f"link:{telegram_id}"


def may_try(session: Session, *, telegram_id: int, now: datetime) -> bool:
    """Whether this person's links are still looked up: five wrong ones a minute, then none."""
    since = now - TRIES_WITHIN
    return staff.failures(session, subject=_subject(telegram_id), since=since) < TRIES


def note_wrong(session: Session, *, telegram_id: int, now: datetime) -> None:
    """Count a link that was none of ours; the caller commits it."""
    staff.note_failure(session, subject=_subject(telegram_id), now=now)


# --- members ---------------------------------------------------------------------------------


async def of_member(turn: Turn, payload: str) -> Markup | None:
    """What a member's link brings, in words; None if nothing.

    After some wrong ones nothing is looked up for a while.
    """
    person = turn.visitor.customer
    assert person is not None
    customer_id, telegram_id, _ = person.id, turn.visitor.telegram_id, turn.say
    if payload.startswith(offers.LINK):
        return _("🎟 This is a coupon: show it to the cashier, they will scan it 🙂")

    def unit(session: Session) -> Markup | None:
        if not may_try(session, telegram_id=telegram_id, now=turn.now):
            return None
        known, words = _look_up(session, turn, payload, customer_id=customer_id)
        if not known:
            note_wrong(session, telegram_id=telegram_id, now=turn.now)
        return words

    if not payload.startswith((_CARD, _INVITATION, *CLAIMS)):
        return None
    said = await turn.ctx.db.transact(unit)
    turn.ctx.wake()
    return said


def _look_up(
    session: Session, turn: Turn, payload: str, *, customer_id: int
) -> tuple[bool, Markup | None]:
    """Whether the link is one of ours, and the words for it."""
    if payload.startswith(_CARD):
        if not tokens.is_card(turn.ctx.keys, payload.removeprefix(_CARD)):
            return False, None
        if _is_own(session, turn, payload, customer_id=customer_id):
            return True, turn.say("🙂 This is your own card: it is for the cashier to scan.")
        return True, said_of_card(turn)
    if payload.startswith(_INVITATION):
        code = payload.removeprefix(_INVITATION)
        answer = referrals.attach(session, friend_id=customer_id, code=code, now=turn.now)
        if answer is Refusal.UNKNOWN_CODE:
            return False, _said_of_unknown(turn, payload)
        return True, said_of_invitation(session, turn, answer)
    words = CLAIMS[payload[:2]](session, turn, payload, customer_id=customer_id)
    return words is not None, words


def _is_own(session: Session, turn: Turn, payload: str, *, customer_id: int) -> bool:
    """Whether the card's link is of a card of this very member, on a screen or on paper."""
    try:
        found = customers.identify_token(session, keys=turn.ctx.keys, token=payload, now=turn.now)
    except DomainError:
        return False
    return found.customer_id == customer_id


def said_of_card(turn: Turn) -> Markup:
    """The words for a card's QR that was scanned by somebody who sells nothing."""
    return turn.say("This is somebody's loyalty card: it is for the cashier to scan 🙂")


async def of_stranger(turn: Turn, payload: str) -> Markup | None:
    """The words for a stranger's link, if it needs any before joining; wrong ones are counted."""
    telegram_id = turn.visitor.telegram_id
    if not payload.startswith((_CARD, _INVITATION, claims.PREFIX)):
        return None
    is_card = payload.startswith(_CARD)
    if is_card and (words := await paper.greeting(turn, payload)) is not None:
        return words

    def unit(session: Session) -> Markup | None:
        if not may_try(session, telegram_id=telegram_id, now=turn.now):
            return None
        known, said = _look_up_before_joining(session, turn, payload)
        if not known:
            note_wrong(session, telegram_id=telegram_id, now=turn.now)
        return said

    return await turn.ctx.db.transact(unit)


def _look_up_before_joining(
    session: Session, turn: Turn, payload: str
) -> tuple[bool, Markup | None]:
    """Whether the link is one of ours, and the words for one that will bring nothing."""
    _ = turn.say
    if payload.startswith(_CARD):
        known = tokens.is_card(turn.ctx.keys, payload.removeprefix(_CARD))
        return known, said_of_card(turn) if known else None
    if payload.startswith(_INVITATION):
        known = joining.source_of(session, payload) is not None
        return known, None if known else _said_of_unknown(turn, payload)
    try:
        claims.check(session, keys=turn.ctx.keys, token=payload, now=turn.now)
    except CodeInvalid:
        return False, None
    except (AlreadyAttached, ClaimExpired) as refusal:
        return True, _(_UNCLAIMED[type(refusal)])
    return True, None


def _said_of_unknown(turn: Turn, payload: str) -> Markup | None:
    """The words for an invitation nobody has (any more); None for what cannot be one."""
    if not tokens.is_referral_code(payload.removeprefix(_INVITATION)):
        return None
    return turn.say("I do not know this invitation: it may be out of date. All else works 🙂")
