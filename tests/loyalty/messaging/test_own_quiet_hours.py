"""Own quiet hours and zone: they go before the program's, through both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty import customers
from loyalty.messaging import SERVICE, TRIGGER, Decision, Facts, PolicyRules, Send, Wait, decide
from loyalty.messaging.people import gather
from loyalty.program import Program
from tests.world import World

RULES = PolicyRules.of(Program())
BERLIN, EKB = "Europe/Berlin", "Asia/Yekaterinburg"
NIGHT, NONE = (22 * 60, 8 * 60), (0, 0)


def berlin(month: int, day: int, hour: int, minute: int = 0, *, fold: int = 0) -> datetime:
    """A wall-clock time in Berlin in 2026; the clocks change on 29 March and 25 October."""
    local = datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(BERLIN), fold=fold)
    return local.astimezone(UTC)


def facts(now: datetime, quiet: tuple[int, int] | None, **changed: Any) -> Facts:
    """A trigger that nothing but the hour holds."""
    base: dict[str, Any] = {
        "message_class": TRIGGER,
        "now": now,
        "due_at": now,
        "deadline": now + timedelta(days=3),
        "time_zone": BERLIN,
        "reachable": True,
        "consent": True,
    }
    return Facts(**base | changed, quiet=quiet)


@pytest.mark.parametrize(
    ("now", "quiet", "expected"),
    [
        # The program's would hold it at 21:30, these do not; and the other way round at 09:30.
        (berlin(6, 1, 21, 30), NIGHT, Send()),
        (berlin(6, 1, 21, 30), None, Wait(berlin(6, 2, 9), "quiet_hours")),
        (berlin(6, 1, 8, 30), NIGHT, Send()),
        (berlin(6, 1, 9, 30), (20 * 60, 10 * 60), Wait(berlin(6, 1, 10), "quiet_hours")),
        (berlin(6, 1, 3), NONE, Send()),
        (berlin(6, 1, 13), (12 * 60, 15 * 60), Wait(berlin(6, 1, 15), "quiet_hours")),
        # A night an hour shorter, a night an hour longer: they end by the clock on the wall.
        (berlin(3, 28, 23), NIGHT, Wait(berlin(3, 29, 8), "quiet_hours")),
        (berlin(10, 24, 23), NIGHT, Wait(berlin(10, 25, 8), "quiet_hours")),
        # They end in the hour that is skipped: at the end of the gap.
        (berlin(3, 29, 1, 30), (60, 150), Wait(berlin(3, 29, 3, 30), "quiet_hours")),
        # They end in the hour that comes twice: at its first, or an hour on if that has been.
        (berlin(10, 25, 1, 30), (60, 150), Wait(berlin(10, 25, 2, 30), "quiet_hours")),
        (
            berlin(10, 25, 2, 15, fold=1), (60, 150),
            Wait(berlin(10, 25, 2, 30, fold=1), "quiet_hours"),
        ),
    ],
)  # fmt: skip
def test_own_hours_go_first(
    now: datetime, quiet: tuple[int, int] | None, expected: Decision
) -> None:
    assert decide(facts(now, quiet), RULES) == expected
    service = facts(now, quiet, message_class=SERVICE)
    assert decide(service, RULES) == Send(), "a receipt waits for nobody's night"


async def test_what_a_customer_chose_reaches_the_policy(world: World) -> None:
    ann, bob = await world.customer(chat=1), await world.customer(chat=2)

    async def facts_of(customer_id: int) -> tuple[tuple[int, int] | None, str]:
        found = await world.db.read(
            lambda s: gather(s, [customer_id], now=world.now, time_zone=BERLIN)
        )
        return found[customer_id].quiet, found[customer_id].time_zone

    assert await facts_of(ann) == (None, BERLIN)

    def unit(session: Any) -> None:
        customers.set_quiet_hours(session, customer_id=ann, hours=NIGHT, now=world.now)
        customers.set_time_zone(session, customer_id=ann, zone=EKB, now=world.now)
        customers.set_quiet_hours(session, customer_id=bob, hours=NONE, now=world.now)

    await world.db.transact(unit)
    assert await facts_of(ann) == (NIGHT, EKB)
    assert (await facts_of(bob))[0] == NONE, "none at all is not the same as the program's"
    await world.db.transact(
        lambda s: customers.set_quiet_hours(s, customer_id=ann, hours=None, now=world.now)
    )
    assert (await facts_of(ann))[0] is None
    with pytest.raises(ValueError, match="minutes of a day"):
        await world.db.transact(
            lambda s: customers.set_quiet_hours(s, customer_id=ann, hours=(0, 1440), now=world.now)
        )
