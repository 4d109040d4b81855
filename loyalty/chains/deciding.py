"""One step that does something: is it too old, may it be done, what is noted about it."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from loyalty import clock
from loyalty.chains.holdout import bucket, is_held_out
from loyalty.chains.model import (
    Definition,
    ExpiryTrigger,
    GiftStep,
    MessageStep,
    Step,
    TagStep,
    TaskStep,
    WaitBefore,
)
from loyalty.chains.outcome import Act, Decided, Plan, changed
from loyalty.chains.world import Pass, World
from loyalty.ids import new_id
from loyalty.messaging import placeholders, policy, touches
from loyalty.messaging.outbox import TRIGGER
from loyalty.messaging.people import Person
from loyalty.messaging.policy import Decision, Facts, HeldOut, Left, Send, Skip, decide

GIFT_LIFETIME = timedelta(hours=48)
"""A gift nobody is told of waits no longer than a message would."""

OWN = "a"
"""The variant that is the step's own content."""


COMING = "…"
"""Stands for a coupon's code until the coupon is made, in the same transaction."""


def draw(world: World, item: Pass) -> None:
    """Whether the pass is in the chain's control group: drawn once, when it begins."""
    if item.control is not None:
        return
    share = item.definition.holdout_bp
    if share is None:
        share = world.program.chain_holdout_bp
    item.control = world.measured and bucket(item.source, item.customer_id) < share


def act(world: World, plan: Plan, item: Pass, step: Step, person: Person) -> datetime | None:
    """Decide about a step and note it; when to look at it again, or None: it is behind."""
    known = world.known.get((item.customer_id, item.source, step.id, item.occurrence))
    if known is not None and known.decision != "wait":
        _go_on(item, step)
        return None
    variant, segment = None, None
    deadline = known.deadline if known else deadline_of(world, item, step)
    if isinstance(step, MessageStep):
        decision = _about_message(world, item, step, person, deadline)
        variant, segment = content_of(world, item, step)
    elif isinstance(step, GiftStep):
        decision = _about_gift(world, item, person, deadline)
    else:
        decision = _about_act(world, item, step, person)
    outbox_id = None
    touch_id = known.id if known else new_id()
    if isinstance(decision, Send):
        if isinstance(step, MessageStep):
            outbox_id = new_id()
            plan.messages[touch_id] = _message(
                item, step, person, world.now, deadline, touch_id, outbox_id, variant, segment
            )
            person.left.append(Left(TRIGGER, world.now))
        else:
            plan.acts.append(Act(touch_id, item, step))
            if isinstance(step, GiftStep) and step.voucher is not None:
                item.subject = {**item.subject, "code": COMING}
    _note(world, plan, item, step, known, touch_id, decision, deadline, outbox_id, variant)
    plan.decided.append(Decided(item, step, decision, world.now, variant, segment))
    if isinstance(decision, policy.Wait):
        return decision.until
    if item.day is not None and _counts_as_attempted(step, decision):
        plan.reminded.add((item.customer_id, item.day))
    _go_on(item, step)
    return None


def leave_out(world: World, plan: Plan, item: Pass, step: Step, reason: str) -> None:
    """Note that a step is passed over, and go on."""
    key = (item.customer_id, item.source, step.id, item.occurrence)
    known = world.known.get(key)
    if known is None or known.decision == "wait":
        decision = Skip(reason)
        touch_id = known.id if known else new_id()
        deadline = known.deadline if known else deadline_of(world, item, step)
        _note(world, plan, item, step, known, touch_id, decision, deadline, None, None)
        plan.decided.append(Decided(item, step, decision, world.now))
    _go_on(item, step)


def deadline_of(world: World, item: Pass, step: Step) -> datetime:
    """Until when a step makes sense: so long after it was due, or until the day it is about ends.
    A gift lives as long as the message that tells of it."""
    hours: int | None = int(GIFT_LIFETIME.total_seconds() // 3600)
    if isinstance(step, GiftStep):
        told = _told_by(item)
        step = told or step
    if isinstance(step, MessageStep):
        hours = step.lifetime_hours
    if hours is not None or item.day is None:
        return item.arrived_at + timedelta(hours=hours or 48)
    points = isinstance(item.definition.trigger, ExpiryTrigger)
    person = world.people.get(item.customer_id)
    zone = world.time_zone if points or person is None else person.time_zone
    return clock.local_instant(item.day + timedelta(days=1), time(0), zone)


def content_of(world: World, item: Pass, step: MessageStep) -> tuple[str | None, int | None]:
    """Which words somebody gets: (variant, None), or (variant, place among ``for_segments``)."""
    for place, one in enumerate(step.for_segments):
        if world.fits(one.rule, item.customer_id):
            return f"s{place + 1}", place
    if not step.variants:
        return None, None
    drawn = bucket(f"{item.source}:{step.id}", item.customer_id)
    for variant in step.variants:
        if drawn < variant.share_bp:
            return variant.key, None
        drawn -= variant.share_bp
    return OWN, None


def rank_of(definition: Definition, source: str, step_id: str) -> int:
    """The place of a chain's message in the order of triggers; 0 goes first. A reminder of points
    has that of the days it comes before their end, whatever an owner's step is called."""
    days = _days_before(definition, step_id)
    return policy.rank(source, step_id if days is None else str(days), definition.urgency)


def _days_before(definition: Definition, step_id: str) -> int | None:
    """Days before the end of the points at which a step is due; None for steps of other chains."""
    trigger, place = definition.trigger, definition.index_of(step_id)
    if not isinstance(trigger, ExpiryTrigger) or place >= len(definition.steps):
        return None
    waits = [step.days for step in definition.steps[:place] if isinstance(step, WaitBefore)]
    return waits[-1] if waits else trigger.days_before


# --- decisions -------------------------------------------------------------------------------


def _about_message(
    world: World, item: Pass, step: MessageStep, person: Person, deadline: datetime
) -> Decision:
    content = step.content(content_of(world, item, step)[0])
    asks = {name for text in content.texts.values() for name in placeholders.needed(text)}
    decision = decide(_facts(world, item, step, person, deadline), world.rules)
    if isinstance(decision, Send) and "code" in asks and not item.subject.get("code"):
        return Skip("no_code")
    # What kept the coupon back keeps back the words about it, for the same reason.
    return decision


def _about_gift(world: World, item: Pass, person: Person, deadline: datetime) -> Decision:
    """A gift goes with the message that tells of it: it waits with it, and is not made when the
    message will not leave, so that its days are counted from when it is known of."""
    told = _told_by(item)
    if told is not None:
        return decide(_facts(world, item, told, person, deadline), world.rules)
    if world.now > deadline:
        return Skip("late")
    return HeldOut() if _held_out(world, item) else Send()


def _about_act(world: World, item: Pass, step: Step, person: Person) -> Decision:
    if isinstance(step, TagStep):
        return Send()
    if isinstance(step, TaskStep):
        # A call is advertising, too.
        if not person.ads:
            return Skip("no_consent")
        facts = world.facts.get(item.customer_id)
        if facts is None or not facts.phone:
            return Skip("no_phone")
    return HeldOut() if _held_out(world, item) else Send()


def _told_by(item: Pass) -> MessageStep | None:
    """The message that follows a gift at once."""
    for step in item.definition.steps[item.step + 1 :]:
        if isinstance(step, MessageStep):
            return step
        if not isinstance(step, GiftStep | TagStep):
            return None
    return None


def _facts(
    world: World, item: Pass, step: MessageStep, person: Person, deadline: datetime
) -> Facts:
    place = rank_of(item.definition, item.source, step.id)
    return Facts(
        message_class=TRIGGER,
        now=world.now,
        due_at=item.arrived_at,
        deadline=deadline,
        time_zone=person.time_zone,
        reachable=person.reachable,
        # The question about news comes with joining; later, no answer is an answer.
        consent=person.ads if item.day is None else bool(person.ads),
        quiet=person.quiet,
        left=person.spoken_for(place, now=world.now),
        rank=place,
        segments=person.segments,
        held_out=_held_out(world, item),
    )


def _held_out(world: World, item: Pass) -> bool:
    if item.control:
        return True
    return world.measured and is_held_out(
        item.customer_id,
        source=item.source,
        global_bp=world.program.global_holdout_bp,
        share_bp=0,
        today=clock.local_date(world.now, world.time_zone),
    )


def _counts_as_attempted(step: Step, decision: Decision) -> bool:
    """Points may expire once a reminder was tried, or rightly was not: never for our delay."""
    if not isinstance(step, MessageStep):
        return False
    if isinstance(decision, Skip):
        return decision.reason in ("no_consent", "unreachable")
    return True


def _go_on(item: Pass, step: Step) -> None:
    if isinstance(step, MessageStep) and step.then is not None:
        item.step = item.definition.index_of(step.then)
    else:
        item.step += 1


# --- notes -----------------------------------------------------------------------------------


def _message(
    item: Pass,
    step: MessageStep,
    person: Person,
    now: datetime,
    deadline: datetime,
    touch_id: int,
    outbox_id: int,
    variant: str | None,
    segment: int | None,
) -> dict[str, object]:
    if person.chat_id is None:
        raise AssertionError("a message is only decided on for somebody with a chat")
    payload: dict[str, object] = {
        "chain_version": item.version_id,
        "step": step.id,
        "occurrence": item.occurrence,
        "enrolment": str(item.id),
    }
    if variant is not None:
        payload["variant"] = variant
    if segment is not None:
        payload["segment"] = segment
    return {
        "customer_id": item.customer_id,
        "chat_id": person.chat_id,
        "message_class": TRIGGER,
        "key": f"touch:{touch_id}",
        "payload": payload,
        "now": now,
        "deadline": deadline,
        "touch_id": touch_id,
        "outbox_id": outbox_id,
    }


def _note(
    world: World,
    plan: Plan,
    item: Pass,
    step: Step,
    known: touches.Known | None,
    touch_id: int,
    decision: Decision,
    deadline: datetime,
    outbox_id: int | None,
    variant: str | None,
) -> None:
    until = decision.until if isinstance(decision, policy.Wait) else world.now
    row = changed(touch_id, decision, world.now, outbox_id) | {"due_at": until}
    if known is not None:
        plan.changed_touches.append(row)
        return
    key = (item.customer_id, item.source, step.id, item.occurrence)
    message = isinstance(step, MessageStep)
    plan.new_touches.append(
        row
        | dict(zip(("customer_id", "source", "step", "occurrence"), key, strict=True))
        | {
            "message_class": TRIGGER if message else step.kind,
            "deadline": deadline,
            "variant": variant,
            "rank": rank_of(item.definition, item.source, step.id) if message else None,
            "version_id": item.version_id,
        }
    )
    world.known[key] = touches.Known(touch_id, str(row["decision"]), deadline)
