"""Updates as life delivers them: twice, out of order, late. Decided by a seed alone.

Whatever happens, nothing is lost and the updates of one lane (messages of a chat, taps of a
person) keep their order, as Telegram promises; a message and a tap of one person have no such
promise.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Lane = tuple[int, str]
Release = Callable[[Json], None]
SWAP_WAIT_S = 0.25
"""How long an update waits for a neighbour to change places with."""
SWAP_GAP_S = 0.02
"""How long after the neighbour it comes, so that a waiting poll answers with the other first."""
DEEDS_KEPT = 1_000


@dataclass(slots=True)
class Plan:
    """What is to happen to one update."""

    again: bool = False
    swap: bool = False
    delay: float = 0.0


@dataclass(eq=False, slots=True)
class Held:
    """An update that waits its turn; `due` in seconds of the event loop's clock."""

    lane: Lane
    update: Json
    plan: Plan
    due: float
    release: Release
    timer: asyncio.TimerHandle | None = None
    overtaken: list[int] = field(default_factory=list)


class Mischief:
    """The shares in force, what waits because of them, and what was done."""

    def __init__(self) -> None:
        self._held: dict[Lane, deque[Held]] = {}
        self._again: dict[int, set[int]] = {}
        self.reset()

    def reset(self) -> None:
        """No mischief; forget what waits and what was done."""
        for lane in self._held.values():
            _cancel(lane)
        self._held.clear()
        self._again.clear()
        self.set(duplicate=0.0, swap=0.0, share=0.0, seconds=(0.0, 0.0), seed=0)

    def set(
        self,
        *,
        duplicate: float,
        swap: float,
        share: float,
        seconds: tuple[float, float],
        seed: int,
    ) -> None:
        """Change the shares (0 to 1); the count of updates and the notes begin anew."""
        self.duplicate, self.swap = duplicate, swap
        self.share, self.seconds, self.seed = share, seconds, seed
        self._count = 0
        self.duplicated: deque[int] = deque(maxlen=DEEDS_KEPT)
        self.swapped: deque[list[int]] = deque(maxlen=DEEDS_KEPT)
        self.delayed: deque[Json] = deque(maxlen=DEEDS_KEPT)

    @property
    def active(self) -> bool:
        """Whether an update may be touched, or one still waits."""
        return bool(self.duplicate or self.swap or self.share or self._held)

    def deeds(self) -> Json:
        """What was done since the shares were set: update ids, oldest first."""
        return {
            "updates": self._count,
            "duplicated": list(self.duplicated),
            "swapped": list(self.swapped),
            "delayed": list(self.delayed),
            "waiting": sum(len(lane) for lane in self._held.values()),
        }

    def _plan(self) -> Plan:
        """The lot of the next update: the seed and its number decide, never the time."""
        self._count += 1
        lot = random.Random(f"{self.seed}:{self._count}")
        again, swap, late = lot.random(), lot.random(), lot.random()
        delay = lot.uniform(*self.seconds) if late < self.share else 0.0
        return Plan(again < self.duplicate, swap < self.swap and not delay, delay)

    def take(self, lane: Lane, update: Json, release: Release) -> None:
        """Let an update go by `release`, now or later."""
        plan = self._plan()
        if plan.again:
            self._again.setdefault(lane[0], set()).add(_number(update))
        if plan.swap and self._waiting_for(lane):
            plan.swap = False  # it is itself the neighbour somebody waits for
        now = asyncio.get_running_loop().time()
        wait = SWAP_WAIT_S if plan.swap else plan.delay
        ahead = self._held.get(lane)
        if ahead is None and not wait:
            release(update)
            self._pass(lane, update)
            return
        if ahead is not None and ahead[0].plan.swap:
            # Its neighbour is of its own lane: that order stands, so it waits no longer.
            self._hasten(ahead[0], 0.0)
        held = Held(lane, update, plan, now + wait, release)
        self._held.setdefault(lane, deque()).append(held)
        if ahead is None:
            self._arm(held)

    def _pass(self, lane: Lane, update: Json) -> None:
        """An update went by: those of other lanes that waited to change places follow it."""
        for head in self._waiting_for(lane):
            head.overtaken.append(_number(update))
            self._hasten(head, SWAP_GAP_S)

    def _waiting_for(self, lane: Lane) -> list[Held]:
        """What waits to change places with an update of this lane."""
        heads = [waiting[0] for other, waiting in self._held.items() if other != lane]
        return [
            head
            for head in heads
            if head.lane[0] == lane[0] and head.plan.swap and not head.overtaken
        ]

    def _hasten(self, held: Held, wait: float) -> None:
        held.due = min(held.due, asyncio.get_running_loop().time() + wait)
        if held.timer is not None:
            held.timer.cancel()
            self._arm(held)

    def _arm(self, held: Held) -> None:
        held.timer = asyncio.get_running_loop().call_at(held.due, self._release, held.lane)

    def _release(self, lane: Lane) -> None:
        """Let the head of a lane go and set the clock for the one behind it."""
        waiting = self._held[lane]
        held = waiting.popleft()
        if waiting:
            self._arm(waiting[0])
        else:
            del self._held[lane]
        number = _number(held.update)
        if held.plan.delay:
            self.delayed.append({"update_id": number, "seconds": round(held.plan.delay, 3)})
        if held.overtaken:
            self.swapped.append([held.overtaken[0], number])
        held.release(held.update)
        self._pass(lane, held.update)

    def once_more(self, bot_id: int, update: Json) -> bool:
        """Whether an update that was just settled is to come again; true once for each."""
        marked = self._again.get(bot_id)
        number = _number(update)
        if not marked or number not in marked:
            return False
        marked.remove(number)
        self.duplicated.append(number)
        return True

    def flush(self) -> None:
        """Let everything go that waits: the emulator is closing."""
        for lane in list(self._held):
            waiting = self._held.pop(lane)
            _cancel(waiting)
            for held in waiting:
                held.release(held.update)

    def drop(self, bot_id: int) -> None:
        """Forget what waits for a bot: it does not want what is pending."""
        for lane in [lane for lane in self._held if lane[0] == bot_id]:
            _cancel(self._held.pop(lane))
        self._again.pop(bot_id, None)


def _cancel(waiting: deque[Held]) -> None:
    for held in waiting:
        if held.timer is not None:
            held.timer.cancel()


def _number(update: Json) -> int:
    number = update.get("update_id", 0)
    return number if isinstance(number, int) else 0
