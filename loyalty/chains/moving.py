"""One pass through its steps: exits, waits, conditions, and what is to be done. Reads and writes
nothing itself: it looks at a ``World`` and notes into a ``Plan``, so that a preview moves people
by the same code."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from loyalty import clock
from loyalty.chains import deciding, subjects
from loyalty.chains.model import (
    ACTS,
    Condition,
    EventTrigger,
    Exit,
    ExpiryTrigger,
    GiftStep,
    MessageStep,
    Step,
    Test,
    Wait,
    WaitBefore,
    WaitHour,
)
from loyalty.chains.outcome import Plan, changed
from loyalty.chains.world import Pass, World, describe_exit
from loyalty.messaging.people import Person
from loyalty.messaging.policy import Skip

GONE = ("blocked", "erased")

JUST_GIVEN = timedelta(days=2)
"""Whoever was told so lately of points and their last day is not reminded of them yet."""


def move(world: World, plan: Plan, item: Pass) -> None:
    """Through as many steps as are due; stops at a wait, an exit or the end. ``item`` holds
    where it stands then, and when it is to be looked at again."""
    deciding.draw(world, item)
    while item.status == "active":
        person = world.people[item.customer_id]
        if person.status in GONE or person.merged:
            return _end(world, plan, item, "exited", "customer_gone")
        for test in item.definition.exits:
            if holds(world, item, test):
                return _end(world, plan, item, "exited", describe_exit(test))
        if item.step >= len(item.definition.steps):
            return _end(world, plan, item, "done", None)
        step = item.definition.steps[item.step]
        until = None
        if isinstance(step, Condition):
            _choose(world, item, step)
        elif isinstance(step, Wait | WaitHour | WaitBefore):
            until = wait(world, item, step, person)
        elif isinstance(step, MessageStep | GiftStep) and overtaken(world, item, person):
            deciding.leave_out(world, plan, item, step, "overtaken")
        elif isinstance(step, MessageStep | GiftStep) and item.id in world.needless:
            deciding.leave_out(world, plan, item, step, world.needless[item.id])
        elif isinstance(step, MessageStep) and just_given(world, item):
            deciding.leave_out(world, plan, item, step, "just_given")
        else:
            until = deciding.act(world, plan, item, step, person)
        if until is not None and until > world.now:
            item.due_at = until
            return None
    return None


def holds(world: World, item: Pass, test: Exit) -> bool:
    """Whether an exit or a condition holds for this pass now."""
    if not isinstance(test, str):
        return world.fits(test, item.customer_id)
    return _test_holds(world, item, test)


def _test_holds(world: World, item: Pass, test: Test) -> bool:
    facts = world.facts.get(item.customer_id) or subjects.Facts()
    if test in ("purchase_returned", "purchase_rated"):
        return test in world.became.get(item.purchase_id or 0, frozenset())
    if test == "points_spent":
        return item.day is not None and (item.customer_id, item.day) not in world.expiring
    if test == "bought_category":
        bought = facts.categories.get(item.category or "")
        return bought is not None and bought > item.started_at
    if test == "day_moved":
        zone = world.people[item.customer_id].time_zone
        return item.day is not None and not subjects.day_stands(
            item.definition, facts, day=item.day, time_zone=zone
        )
    if test == "left_segment":
        rule = getattr(item.definition.trigger, "rule", None)
        return rule is not None and not world.fits(rule, item.customer_id)
    if test == "ordered" and (
        item.occurrence in facts.ordered_carts
        or facts.emptied.get(item.occurrence, item.started_at) > item.started_at
        or _another_cart(item, facts)
    ):
        return True
    sold_at = world.sold.get(item.purchase_id or 0)
    return subjects.holds_of(test, facts, started_at=item.started_at, sold_at=sold_at)


def _another_cart(item: Pass, facts: subjects.Facts) -> bool:
    """Whether a cart is followed and the customer has filled another since: that one is spoken
    of, by a pass of its own, and nobody hears the same of two."""
    trigger = item.definition.trigger
    about_cart = isinstance(trigger, EventTrigger) and trigger.event == subjects.CART_UPDATED
    return about_cart and any(
        cart != item.occurrence and at > item.started_at for cart, at in facts.filled.items()
    )


def _choose(world: World, item: Pass, step: Condition) -> None:
    test = step.test if step.rule is None else step.rule
    held = test is not None and holds(world, item, test)
    item.step = item.step + 1 if held else item.definition.index_of(step.otherwise)


def wait(world: World, item: Pass, step: Step, person: Person) -> datetime | None:
    """Go on if the wait is over; else when it will be. It is reckoned anew at every look, so a
    customer who moved zone waits for their own hour."""
    until = target(item, step, person, business_zone=world.time_zone)
    if until > world.now:
        return until
    # The schedule goes by what was due, not by when we came to it.
    item.arrived_at = max(item.arrived_at, until)
    item.step += 1
    return None


def target(item: Pass, step: Step, person: Person, *, business_zone: str) -> datetime:
    """When a waiting step ends."""
    if isinstance(step, Wait):
        return (item.started_at if step.since == "start" else item.arrived_at) + step.length
    if isinstance(step, WaitBefore):
        if item.day is None:
            return item.arrived_at
        points = isinstance(item.definition.trigger, ExpiryTrigger)
        zone = business_zone if points else person.time_zone
        return clock.local_instant(item.day - timedelta(days=step.days), time(step.hour), zone)
    assert isinstance(step, WaitHour)
    day = clock.local_date(item.arrived_at, person.time_zone)
    # A week and a day: the weekday named may be today, its hour past.
    for ahead in range(9):
        on = day + timedelta(days=ahead)
        if step.weekday is not None and on.isoweekday() != step.weekday:
            continue
        at = clock.local_instant(on, time(step.hour), person.time_zone)
        if at >= item.arrived_at:
            return at
    return item.arrived_at


def overtaken(world: World, item: Pass, person: Person) -> bool:
    """Whether a later message of this pass is due, too, and still fresh: after an outage only
    the nearest one goes out."""
    steps = item.definition.steps
    ahead = Pass(
        id=item.id, customer_id=item.customer_id, chain_id=item.chain_id, source=item.source,
        occurrence=item.occurrence, version_id=item.version_id, definition=item.definition,
        started_at=item.started_at, step=item.step, due_at=item.due_at,
        arrived_at=item.arrived_at, day=item.day, subject=item.subject, control=item.control,
    )  # fmt: skip
    waited = False
    while ahead.step < len(steps):
        step = steps[ahead.step]
        if isinstance(step, Condition):
            _choose(world, ahead, step)
        elif isinstance(step, ACTS):
            if waited and isinstance(step, MessageStep | GiftStep):
                return deciding.deadline_of(world, ahead, step) >= world.now
            if isinstance(step, MessageStep) and step.then is not None:
                ahead.step = item.definition.index_of(step.then)
            else:
                ahead.step += 1
        else:
            waited = True
            if wait(world, ahead, step, person) is not None:
                return False
    return False


def just_given(world: World, item: Pass) -> bool:
    """Whether all the points a reminder is about had only just come, with a message that names
    their last day (a birthday's), when it was due. The last reminder is never left out."""
    if item.day is None or not isinstance(item.definition.trigger, ExpiryTrigger):
        return False
    later = item.definition.steps[item.step + 1 :]
    ending = world.expiring.get((item.customer_id, item.day))
    return (
        ending is not None
        and ending.told_at is not None
        and ending.told_at > item.arrived_at - JUST_GIVEN
        and any(isinstance(step, MessageStep) for step in later)
    )


def _end(world: World, plan: Plan, item: Pass, status: str, reason: str | None) -> None:
    item.status, item.reason = status, reason
    # A message that was waiting for its hour will not be said any more.
    for key, known in world.known.items():
        mine = key[0] == item.customer_id and key[1] == item.source and key[3] == item.occurrence
        if mine and known.decision == "wait":
            skip = Skip((reason or "ended")[:32])
            plan.changed_touches.append(changed(known.id, skip, world.now, None))
