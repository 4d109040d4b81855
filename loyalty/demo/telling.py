"""What the demo's chains have said to its guests, decided in the order of time."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from loyalty import chains, clock
from loyalty.chains.holdout import is_held_out
from loyalty.chains.model import Definition, ExpiryTrigger, MessageStep, Wait, WaitBefore
from loyalty.chains.tables import enrolment
from loyalty.db.rows import Rows
from loyalty.demo.member import Member
from loyalty.demo.phones import Reached, last_day
from loyalty.ids import new_id
from loyalty.messaging import policy
from loyalty.messaging.tables import click, outbox, touch
from loyalty.program import Program

PAST = timedelta(days=56)
"""So far back goes what is remembered."""
_WEEK = timedelta(days=7)
_WEEKLY = 4


@dataclass(slots=True)
class _Due:
    """A message that came due for somebody, and what became of it."""

    item: chains.Chain
    step: MessageStep
    at: datetime
    who: int
    occurrence: str
    control: bool


class Teller:
    """Gathers ways through chains, then decides about their messages in the order of time."""

    def __init__(
        self,
        rng: random.Random,
        reached: Reached,
        *,
        program: Program,
        time_zone: str,
        now: datetime,
    ) -> None:
        self._rng = rng
        self._reached = reached
        self._program = program
        self._time_zone = time_zone
        self._now = now
        self._rows = Rows()
        self._due: list[_Due] = []
        # The local days on which somebody heard of us, for the caps.
        self._days: dict[int, set[date]] = defaultdict(set)

    def past(self, item: chains.Chain, member: Member) -> bool:
        """One guest's way through a chain that is over by now; False if there was none lately."""
        day = self._began(item.key, member)
        if day is None:
            return False
        hours = timedelta(hours=10, minutes=self._rng.randint(0, 500))
        start = clock.start_of_day(day, self._time_zone) + hours
        about = _occurrence(item.definition, start, day)
        control = self._control(item, member.customer_id, day)
        ended = start
        for step, at in _schedule(item.definition, start):
            if at >= self._now:
                break
            self._due.append(_Due(item, step, at, member.customer_id, about, control))
            ended = at
        self._rows.insert(
            enrolment,
            {
                "id": new_id(), "chain_id": item.id, "chain_version_id": item.version_id,
                "customer_id": member.customer_id, "occurrence": about,
                "step": len(item.definition.steps), "status": "done", "due_at": None,
                "arrived_at": ended, "enrolled_at": start, "control": control, "ended_at": ended,
            },
        )  # fmt: skip
        return True

    def _began(self, key: str, member: Member) -> date | None:
        """The day on which a chain began for somebody: their own where it hangs on one."""
        guest, today = member.guest, clock.local_date(self._now, self._time_zone)
        joined = clock.local_date(guest.joined_at, self._time_zone)
        oldest = max(joined + timedelta(days=2), today - PAST)
        if key == "welcome":
            # Newer ones are on their way still.
            return joined if oldest < joined + timedelta(days=7) <= today else None
        if key == "post_purchase":
            if member.first_at is None:
                return None
            first = clock.local_date(member.first_at, self._time_zone)
            return first if today - PAST <= first <= today - timedelta(days=11) else None
        if key in ("birthday", "birthday_gift"):
            born = guest.born
            day = last_day(born[1], born[0], today) if born else None
            day = day - timedelta(days=7) if day and key == "birthday_gift" else day
            return day if day and day >= oldest else None
        if key == "anniversary":
            day = last_day(joined.month, joined.day, today)
            return day if day.year > joined.year and day >= oldest else None
        # Newcomers have had enough with the welcome.
        oldest = max(oldest, joined + timedelta(days=14))
        if not member.orders or oldest >= today:
            return None
        return today - timedelta(days=self._rng.randint(1, (today - oldest).days))

    def on_way(self, item: chains.Chain) -> None:
        """Guests with a phone who are on their way still: newcomers in the welcome."""
        if item.key != "welcome":
            return
        for member in self._reached.members:
            start = member.guest.joined_at
            place = _standing(item.definition, start, self._now)
            if self._now - start > timedelta(days=5) or place is None:
                continue
            step, arrived, due, said = place
            day = clock.local_date(start, self._time_zone)
            control = self._control(item, member.customer_id, day)
            for message, at in said:
                self._due.append(_Due(item, message, at, member.customer_id, "once", control))
            self._rows.insert(
                enrolment,
                {
                    "id": new_id(), "chain_id": item.id, "chain_version_id": item.version_id,
                    "customer_id": member.customer_id, "occurrence": "once", "step": step,
                    "status": "active", "due_at": due, "arrived_at": arrived,
                    "enrolled_at": start, "day": day, "control": control,
                },
            )  # fmt: skip

    def put(self, session: Session) -> None:
        """Decide about every message and write all of it."""
        for due in sorted(self._due, key=lambda one: (one.at, one.who, one.item.id)):
            decision, reason = self._decided(due)
            self._note(due, decision, reason)
        self._rows.put(session)

    def _control(self, item: chains.Chain, who: int, day: date) -> bool:
        return is_held_out(
            who, source=f"chain:{item.key}", global_bp=self._program.global_holdout_bp,
            share_bp=self._program.chain_holdout_bp, today=day,
        )  # fmt: skip

    def _decided(self, due: _Due) -> tuple[str, str | None]:
        """What the policy would have said: consent, a chat, the caps, the control group."""
        day, heard = clock.local_date(due.at, self._time_zone), self._days[due.who]
        if due.who not in self._reached.agreed:
            return "skipped", "no_consent"
        if due.who not in self._reached.chats:
            return "skipped", "unreachable"
        if due.control:
            return "held_out", "holdout"
        if day in heard:
            return "skipped", "cap_day"
        if sum(1 for one in heard if timedelta() <= day - one < _WEEK) >= _WEEKLY:
            return "skipped", "cap_week"
        heard.add(day)
        return "send", None

    def _note(self, due: _Due, decision: str, reason: str | None) -> None:
        source, touch_id = f"chain:{due.item.key}", new_id()
        outbox_id = new_id() if decision == "send" else None
        deadline = due.at + timedelta(hours=due.step.lifetime_hours or 48)
        self._rows.insert(
            touch,
            {
                "id": touch_id, "customer_id": due.who, "source": source, "step": due.step.id,
                "occurrence": due.occurrence, "message_class": "trigger", "decision": decision,
                "reason": reason, "due_at": due.at, "deadline": deadline, "decided_at": due.at,
                "outbox_id": outbox_id, "version_id": due.item.version_id,
                "rank": policy.rank(source, due.step.id, due.item.definition.urgency),
            },
        )  # fmt: skip
        if outbox_id is not None:
            self._sent(due, touch_id, outbox_id, deadline)

    def _sent(self, due: _Due, touch_id: int, outbox_id: int, deadline: datetime) -> None:
        """The message that left, and perhaps a tap on its button."""
        rng, item, step = self._rng, due.item, due.step
        left_at = due.at + timedelta(seconds=rng.randint(1, 40))
        self._rows.insert(
            outbox,
            {
                "id": outbox_id, "customer_id": due.who, "chat_id": self._reached.chats[due.who],
                "message_class": "trigger", "key": f"touch:{touch_id}", "touch_id": touch_id,
                "payload": {
                    "chain_version": item.version_id, "step": step.id,
                    "occurrence": due.occurrence,
                },
                "priority": 1, "state": "sent", "due_at": due.at, "deadline": deadline,
                "created_at": due.at, "attempts": 1, "sending_at": left_at, "left_at": left_at,
                "settled_at": left_at, "message_id": rng.randint(100, 9_999_999),
            },
        )  # fmt: skip
        screen = next((button.data for row in step.buttons for button in row), None)
        tapped_at = left_at + timedelta(minutes=rng.randint(1, 300))
        if screen is None or rng.random() >= 0.34 or tapped_at >= self._now:
            return
        self._rows.insert(
            click,
            {
                "id": new_id(), "at": tapped_at, "outbox_id": outbox_id, "customer_id": due.who,
                "touch_id": touch_id, "source": f"chain:{item.key}", "step": step.id,
                "kind": "button", "target": screen.partition(":")[0],
            },
        )  # fmt: skip


def _occurrence(definition: Definition, start: datetime, day: date) -> str:
    """What made the pass one: a day for points, else something that never comes again."""
    if isinstance(definition.trigger, ExpiryTrigger):
        return (day - timedelta(days=400)).isoformat()
    return f"past-{int(start.timestamp())}"


def _schedule(definition: Definition, start: datetime) -> Iterator[tuple[MessageStep, datetime]]:
    """Messages of the chain's main road, and about when each was due."""
    at, first_before = start, None
    for step in definition.steps:
        if isinstance(step, Wait):
            at = (start if step.since == "start" else at) + step.length
        elif isinstance(step, WaitBefore):
            first_before = step.days if first_before is None else first_before
            at = start + timedelta(days=first_before - step.days)
        elif isinstance(step, MessageStep):
            yield step, at
            if step.then is not None:
                return


def _standing(
    definition: Definition, start: datetime, now: datetime
) -> tuple[int, datetime, datetime, list[tuple[MessageStep, datetime]]] | None:
    """Where somebody who began at ``start`` waits now: the step, since when, until when, and what
    they heard before; None if they have done something else than wait and listen."""
    at, said = start, list[tuple[MessageStep, datetime]]()
    for place, step in enumerate(definition.steps):
        if isinstance(step, Wait):
            until = (start if step.since == "start" else at) + step.length
            if until > now:
                return place, at, until, said
            at = until
        elif isinstance(step, MessageStep):
            said.append((step, at))
        else:
            return None
    return None
