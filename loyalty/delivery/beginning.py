"""The last look before a message leaves: today's facts, the policy again, the words."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from loyalty import program
from loyalty.chains.favours import note_segments
from loyalty.chains.moving import GONE
from loyalty.customers import customer
from loyalty.db.fast import as_json, as_time, execute, fetch, is_postgres
from loyalty.db.rows import Rows
from loyalty.delivery import about, exits
from loyalty.delivery.claiming import LEASE
from loyalty.delivery.instead import TOLD_BY_CHAIN, Later, ensure_untold
from loyalty.delivery.rivals import places_of, rivals_of, still_today
from loyalty.delivery.shaping import Outgoing, call_of, fits_under
from loyalty.delivery.tracking import Links, with_tracking
from loyalty.delivery.wording import Gone, with_words, words_of_chain
from loyalty.messaging import media
from loyalty.messaging.outbox import MASS, SERVICE
from loyalty.messaging.people import Person, gather
from loyalty.messaging.policy import (
    LAST,
    Decision,
    Facts,
    Left,
    PolicyRules,
    Send,
    Skip,
    Wait,
    decide,
)
from loyalty.messaging.tables import outbox, touch
from loyalty.messaging.templates import Context, Message, render

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the business lives: its zone, currency, and language of last resort; ``links``: what
    tracked links are made with (None: links stay as they are)."""

    time_zone: str
    currency: str
    language: str
    links: Links | None = None


@dataclass(slots=True)
class _Look:
    """What was read for the whole batch."""

    now: datetime
    place: Place
    rules: PolicyRules
    pending_days: int
    people: dict[int, Person]
    ranks: dict[int, int]
    bot_id: int
    # Triggers of the rest of the day, of those for whom there is a mass message.
    still_today: dict[int, list[int]]
    # Who fits the rules that end these messages' chains; their passes.
    fitting: exits.Fitting
    known: about.Known
    # Passes that have come to an end instead of their message, and the exit they took.
    ended: dict[int, str] = field(default_factory=dict)


def begin(
    session: Session,
    *,
    ids: Sequence[int],
    owner: str,
    now: datetime,
    real_now: datetime,
    place: Place,
    bot_id: int = 0,
) -> list[Outgoing]:
    """Mark claimed rows ``sending`` and return what to say; the caller commits, then calls.

    Rows that may not leave any more are skipped, those that may not leave yet go back to the
    queue; rows another process holds by now are left out. Customers whose marketing is counted
    are locked, so that two processes never both see room under a cap. ``bot_id`` is the bot that
    speaks: pictures go by the names it knows them by.
    """
    rows = _held(session, ids, owner)
    if not rows:
        return []
    look = _look(session, rows, now=now, place=place, bot_id=bot_id)
    writes = Rows()
    leaving: list[tuple[_Held, Message]] = []
    # Of two triggers for one person the more urgent is asked first.
    for row in sorted(rows, key=lambda each: look.ranks.get(each.touch_id or 0, -1)):
        decision: Decision = _decide(session, look, row)
        message: Message | None = None
        if isinstance(decision, Send):
            decision, message = _word(session, look, row)
        if not isinstance(decision, Send):
            _write(writes, row, decision, now=now)
        if message is not None:
            leaving.append((row, message))
        _account_for(look, row, decision, now)
    writes.put(session)
    exits.end(session, look.ended, now=now)
    order = {row.id: place for place, row in enumerate(rows)}
    leaving.sort(key=lambda pair: order[pair[0].id])
    outgoing = _outgoing(session, look, leaving)
    if outgoing:
        sending = [message.id for message in outgoing]
        execute(session, _SENDING + _among(session), sending, real_now + LEASE, real_now, now)
    return outgoing


_HELD = (
    "SELECT o.id, o.customer_id, o.chat_id, o.message_class, o.payload, o.due_at, o.deadline,"
    " o.created_at, o.touch_id, c.language, c.reachable FROM outbox o"
    " LEFT JOIN telegram_chat c ON c.telegram_id = o.chat_id"
    " WHERE o.state = 'claimed' AND o.lease_owner = $2 AND o.id {among}"
    " ORDER BY o.priority, o.due_at, o.id"
)
_SENDING = (
    "UPDATE outbox SET state = 'sending', attempts = attempts + 1, lease_until = $2,"
    " sending_at = $3, left_at = $4, settled_at = NULL, reason = NULL WHERE id "
)


@dataclass(slots=True)
class _Held:
    """A claimed row, and the chat it is for (no language: nobody knows that chat)."""

    id: int
    customer_id: int | None
    chat_id: int
    message_class: str
    payload: Mapping[str, Any]
    due_at: datetime
    deadline: datetime
    created_at: datetime
    touch_id: int | None
    language: str | None
    reachable: bool


def _among(session: Session) -> str:
    """What stands right of an id that is one of those in the first parameter."""
    if is_postgres(session):
        return "= ANY($1::bigint[])"
    return "IN (SELECT value FROM json_each($1))"


def _held(session: Session, ids: Sequence[int], owner: str) -> list[_Held]:
    sql = _HELD.format(among=_among(session))
    if is_postgres(session):
        sql += " FOR UPDATE OF o"
    held = []
    for found in fetch(session, sql, list(ids), owner):
        row = _Held(*found)
        row.payload, row.reachable = as_json(row.payload), row.reachable in (None, True, 1)
        row.due_at, row.deadline = _time(row.due_at), _time(row.deadline)
        row.created_at = _time(row.created_at)
        held.append(row)
    return held


def _time(value: Any) -> datetime:
    moment = as_time(value)
    if moment is None:
        raise AssertionError("a message has its times")
    return moment


def _look(
    session: Session, rows: Sequence[_Held], *, now: datetime, place: Place, bot_id: int
) -> _Look:
    marketing = [row for row in rows if row.message_class != SERVICE]
    customer_ids = sorted({row.customer_id for row in marketing if row.customer_id is not None})
    if customer_ids:
        session.execute(
            sa.select(customer.c.id)
            .where(customer.c.id.in_(customer_ids))
            .order_by(customer.c.id)
            .with_for_update(key_share=True)
        ).all()
    version = program.current(session, now=now)
    rules = PolicyRules.of(version.program)
    people = gather(session, customer_ids, now=now, time_zone=place.time_zone)
    note_segments(session, people, rules, now=now, time_zone=place.time_zone)
    return _Look(
        now=now,
        place=place,
        rules=rules,
        pending_days=version.program.pending_days,
        people=people,
        ranks=places_of(session, [row.touch_id for row in marketing]),
        bot_id=bot_id,
        still_today=still_today(
            session,
            {row.customer_id for row in rows if row.message_class == MASS and row.customer_id},
            people,
            now=now,
            time_zone=place.time_zone,
        ),
        fitting=exits.fitting(
            session,
            [(row.payload, row.customer_id) for row in marketing if row.customer_id is not None],
            now=now,
            time_zone=place.time_zone,
        ),
        # After that one, which may have switched a chain off.
        known=about.known(session, [row.payload for row in marketing]),
    )


def _person(look: _Look, row: _Held) -> Person | None:
    return look.people.get(row.customer_id) if row.customer_id is not None else None


def _decide(session: Session, look: _Look, row: _Held) -> Decision:
    if row.message_class == SERVICE:
        facts = Facts(
            message_class=SERVICE,
            now=look.now,
            due_at=row.created_at,
            deadline=row.deadline,
            time_zone=look.place.time_zone,
            reachable=row.reachable,
        )
        return decide(facts, look.rules)
    person = _person(look, row)
    if person is None or person.status in GONE or person.merged:
        return Skip("customer_gone")
    beside = person.beside(row.id, now=look.now)
    if beside and exits.is_overtaken(session, row.payload, beside):
        return Skip("overtaken")
    rivals = rivals_of(
        person,
        row.message_class,
        row.id,
        row.touch_id,
        now=look.now,
        still_to_come=look.still_today,
    )
    return decide(_facts(look, row, person, rivals), look.rules)


def _facts(look: _Look, row: _Held, person: Person, rivals: Sequence[int]) -> Facts:
    return Facts(
        message_class=row.message_class,
        now=look.now,
        due_at=row.created_at,
        deadline=row.deadline,
        time_zone=person.time_zone,
        reachable=row.reachable and person.chat_id == row.chat_id,
        # Asked or not: what was planned on a consent that is gone is not sent.
        consent=bool(person.ads),
        quiet=person.quiet,
        left=person.left,
        rank=look.ranks.get(row.touch_id or 0, LAST),
        rivals=rivals,
        segments=person.segments,
    )


def _word(session: Session, look: _Look, row: _Held) -> tuple[Decision, Message | None]:
    """The words; a message that cannot be worded is refused alone, not with its batch."""
    payload = row.payload
    try:
        if "chain_version" in payload:
            person = look.people[row.customer_id or 0]
            message = words_of_chain(
                session,
                payload,
                person,
                now=look.now,
                time_zone=look.place.time_zone,
                currency=look.place.currency,
                fitting=look.fitting,
                known=look.known,
            )
            return Send(), message
        ensure_untold(
            session,
            payload,
            customer_id=row.customer_id,
            created_at=row.created_at,
            now=look.now,
        )
        context = Context(
            language=row.language or payload.get("language", look.place.language),
            time_zone=look.place.time_zone,
            currency=look.place.currency,
            now=look.now,
            created_at=row.created_at,
            pending_days=look.pending_days,
        )
        return Send(), render(with_words(session, payload), context=context)
    except Gone as gone:
        pass_id = exits.ended_by(session, payload, gone.reason)
        if pass_id is not None:
            look.ended[pass_id] = gone.reason
        return Skip(gone.reason), None
    except Later as later:
        return Wait(later.until, TOLD_BY_CHAIN), None
    except SQLAlchemyError:
        # The transaction is spoilt: the caller begins these rows again, one by one.
        raise
    except Exception as problem:  # noqa: BLE001 - one odd row must not keep the others back
        log.error("outbox row %s cannot be worded: %s", row.id, type(problem).__name__)
        return Skip("cannot_be_worded"), None


def _write(writes: Rows, row: _Held, decision: Decision, *, now: datetime) -> None:
    """Not now, or never."""
    values: dict[str, Any] = {
        "id": row.id,
        "due_at": row.due_at,
        "lease_owner": None,
        "lease_until": None,
        "sending_at": None,
        "left_at": None,
        "settled_at": None,
    }
    if isinstance(decision, Wait):
        values |= {"state": "queued", "due_at": decision.until, "reason": decision.reason}
    elif isinstance(decision, Skip):
        values |= {"state": "skipped", "settled_at": now, "reason": decision.reason}
        if row.touch_id is not None:
            writes.update(
                touch,
                {
                    "id": row.touch_id,
                    "decision": "skipped",
                    "reason": decision.reason,
                    "decided_at": now,
                },
            )
    writes.update(outbox, values)


def _account_for(look: _Look, row: _Held, decision: Decision, now: datetime) -> None:
    """What was decided about one message is a fact about the person's next."""
    person = _person(look, row) if row.message_class != SERVICE else None
    if person is None:
        return
    if isinstance(decision, Send):
        person.left.append(Left(row.message_class, now))
    person.coming = [item for item in person.coming if item[0] != row.id]
    if isinstance(decision, Wait):
        place = look.ranks.get(row.touch_id or 0, LAST)
        person.coming.append((row.id, row.message_class, decision.until, place))


def _outgoing(
    session: Session, look: _Look, leaving: Sequence[tuple[_Held, Message]]
) -> list[Outgoing]:
    wanted = {message.picture for _, message in leaving if message.picture is not None}
    pictures = media.find(session, wanted, bot_id=look.bot_id) if wanted else {}
    made = []
    for row, message in leaving:
        fits = message.picture is not None and fits_under(message.text)
        picture = pictures.get(message.picture or 0) if fits else None
        protect = bool(row.payload.get("protect"))
        said = with_tracking(
            session,
            message,
            row.payload,
            outbox_id=row.id,
            message_class=row.message_class,
            links=look.place.links,
        )
        method, params = call_of(row.chat_id, said, picture, protect=protect)
        version = row.payload.get("chain_version")
        rest = (row.message_class, row.customer_id, int(version) if version else None, picture)
        made.append(Outgoing(row.id, row.chat_id, method, params, *rest))
    return made


def give_up(session: Session, *, outbox_id: int, owner: str, now: datetime) -> bool:
    """Skip a claimed row that cannot even be begun, and say so in its touch; False if it is not
    ``owner``'s any more."""
    for row in _held(session, [outbox_id], owner):
        writes = Rows()
        _write(writes, row, Skip("cannot_be_worded"), now=now)
        writes.put(session)
        return True
    return False
