"""How a chain is played: five people to whom the same happens, and the clock in the test's hand.

Two get every message, one in each language; one does what ends the chain; one has had another
message that day; one is in the control group. A story is a row of data (``rows``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, clock, ids
from loyalty.chains.holdout import bucket
from loyalty.chains.tables import chain, enrolment
from loyalty.customers import telegram_chat
from loyalty.db import Rows
from loyalty.messaging.tables import outbox, touch
from loyalty.vouchers import voucher
from tests.scheduler.stage import Stage
from tests.scheduler.stories import cues
from tests.scheduler.stories.cues import Cue
from tests.world import ZONE

RU, EN, LEAVER, CAPPED, HELD = 701, 702, 703, 704, 705
CAST = (RU, EN, LEAVER, CAPPED, HELD)
HALF_PAST_TEN = time(10, 30)
MINUTE = timedelta(minutes=1)
OUTAGE = timedelta(days=3) - timedelta(minutes=30)
"""As long as a birthday wish may wait, less what it takes to notice."""

HELD_BP = 3000
When = Callable[[datetime], datetime]
Decision = tuple[str, str, str | None]


def after(**span: float) -> When:
    """So long after the cue."""
    return lambda cue: cue + timedelta(**span)


def at(hour: int, *, days: int = 0) -> When:
    """The first time it is that hour so many days after the cue."""

    def moment(cue: datetime) -> datetime:
        start = cue + timedelta(days=days)
        day = clock.local_date(start, ZONE)
        found = clock.local_instant(day, time(hour), ZONE)
        return (
            found if found >= start else clock.local_instant(day + timedelta(1), time(hour), ZONE)
        )

    return moment


def tomorrow(hour: int, minute: int = 0, *, days: int = 1) -> When:
    """That hour so many business days after the day of the cue."""

    def moment(cue: datetime) -> datetime:
        day = clock.local_date(cue, ZONE) + timedelta(days=days)
        return clock.local_instant(day, time(hour, minute), ZONE)

    return moment


@dataclass(frozen=True, slots=True)
class Line:
    """A message that is expected: when, some of its words by language, where its button leads."""

    step: str
    when: When
    ru: tuple[str, ...]
    en: tuple[str, ...]
    button: str | None = None


async def _nothing(stage: Stage) -> None:
    del stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A chain from its cue to its end. ``late``: what is decided after three days without the
    service; ``ends``: the reason noted for whoever does what ends it."""

    chain: str
    cue: Cue
    lines: tuple[Line, ...]
    late: tuple[Decision, ...]
    name: str = ""
    person: Callable[[datetime], dict[str, Any]] = lambda _now: {}
    scene: Callable[[Stage], Awaitable[None]] = _nothing
    begin: Callable[[datetime], datetime] | None = None
    leave: Cue | None = None
    ends: str = ""
    gifts: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """As touches name it."""
        return f"chain:{self.chain}"


@dataclass(slots=True)
class Play:
    """A story on a stage; ``people`` by chat."""

    stage: Stage
    story: Story
    people: dict[int, int]
    cue_at: datetime

    async def reach(self, moment: datetime) -> None:
        """Let the clock stand at a moment, and the service do what is due then."""
        await reach(self.stage, moment)

    async def sent(self, chat: int) -> list[str]:
        """Steps of this chain that have reached somebody, in order."""
        query = (
            sa.select(touch.c.step)
            .join(outbox, outbox.c.touch_id == touch.c.id)
            .where(
                touch.c.customer_id == self.people[chat],
                touch.c.source == self.story.source,
                outbox.c.state == "sent",
            )
            .order_by(outbox.c.id)
        )
        return list(await self.stage.world.db.read(lambda s: s.execute(query).scalars().all()))

    async def decisions(self, chat: int) -> list[Decision]:
        """Every decision of this chain about somebody."""
        return [
            (one.step, one.decision, one.reason)
            for one in await self.stage.touches(self.people[chat])
            if one.source == self.story.source
        ]

    async def way(self, chat: int) -> tuple[str, str | None]:
        """How somebody's first pass stands: status and reason."""
        query = (
            sa.select(enrolment.c.status, enrolment.c.reason)
            .join(chain, chain.c.id == enrolment.c.chain_id)
            .where(chain.c.key == self.story.chain, enrolment.c.customer_id == self.people[chat])
            .order_by(enrolment.c.id)
            .limit(1)
        )
        row = await self.stage.world.db.read(lambda s: s.execute(query).one())
        return row.status, row.reason

    async def coupons(self, chat: int) -> int:
        """How many coupons somebody was given by chains."""
        query = sa.select(sa.func.count()).where(
            voucher.c.customer_id == self.people[chat], voucher.c.source_kind == "chain"
        )
        count: int = await self.stage.world.db.read(lambda s: s.execute(query).scalar_one())
        return count


async def reach(stage: Stage, moment: datetime) -> None:
    """Move the clock to ``moment`` and do what is due; the clock never goes back here."""
    stage.jump(max(moment, clock.now()))
    await stage.running.run_due()
    # What was enrolled or queued by this very round.
    await stage.running.run_due()


async def only(stage: Stage, *keys: str) -> None:
    """Leave these chains on, and switch off all others."""

    def unit(session: Session) -> None:
        for item in chains.all_chains(session):
            chains.set_enabled(session, key=item.key, enabled=item.key in keys, now=clock.now())

    await stage.world.db.transact(unit)


async def set_stage(stage: Stage, story: Story, people: Sequence[int]) -> Play:
    """Everything up to the cue, at half past ten in the morning."""
    noon = clock.now()
    day = clock.local_date(noon, ZONE) + timedelta(days=1)
    start = clock.local_instant(day, HALF_PAST_TEN, ZONE)
    stage.jump(story.begin(noon) if story.begin else start)
    await only(stage, story.chain)
    await stage.world.set_program(
        global_holdout_bp=0, chain_holdout_bp=HELD_BP, holdout_from_customers=1
    )
    await story.scene(stage)
    cast = {chat: await _person(stage, story, chat) for chat in people}
    await stage.running.run_due()
    stage.world.now = clock.now()
    return Play(stage, story, cast, clock.now())


async def _person(stage: Stage, story: Story, chat: int) -> int:
    """Somebody who is drawn into the control group, or is not, as their part demands."""

    def fitting() -> int:
        while True:
            drawn = ids.new_id()
            if (bucket(story.source, drawn) < HELD_BP) == (chat == HELD):
                return drawn

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.world.new_id", fitting)
        fields = {"phone": f"+7999000{chat:04}", **story.person(clock.now())}
        customer_id = await stage.person(chat, **fields)
    if chat == EN:
        speaks = sa.update(telegram_chat).where(telegram_chat.c.telegram_id == chat)
        await stage.world.db.transact(lambda s: s.execute(speaks.values(language="en")) and None)
    return customer_id


async def cue(play: Play) -> None:
    """What starts the chain happens to everybody."""
    for customer_id in play.people.values():
        play.stage.world.now = clock.now()
        await play.story.cue(play.stage, customer_id)


async def another_message(stage: Stage, customer_id: int, chat: int) -> None:
    """A message of some other chain has just reached somebody."""
    now = clock.now()
    row = {
        "id": ids.new_id(), "customer_id": customer_id, "chat_id": chat,
        "message_class": "trigger", "key": f"other:{ids.new_id()}", "payload": {"text": "…"},
        "priority": 1, "state": "sent", "due_at": now, "deadline": now + timedelta(days=1),
        "created_at": now, "attempts": 1, "left_at": now, "settled_at": now,
    }  # fmt: skip

    def unit(session: Session) -> None:
        rows = Rows()
        rows.insert(outbox, row)
        rows.put(session)

    await stage.world.db.transact(unit)


async def check_line(play: Play, line: Line, seen: list[str]) -> None:
    """Both who are to get this message have it, in their language, with its button."""
    for chat, words in ((RU, line.ru), (EN, line.en)):
        assert await play.sent(chat) == [*seen, line.step], (chat, await play.decisions(chat))
        said = [item for item in await play.stage.client.screen(chat) if item["from"]["is_bot"]]
        text = said[-1]["text"].replace("\u00a0", " ").replace("\u202f", " ")
        assert [word for word in words if word not in text] == [], text
        assert "{" not in text
        data = [b["callback_data"] for row in said[-1].get("buttons") or () for b in row]
        if line.button is None:
            assert data == []
        else:
            bought = await cues.last_purchase(play.stage, play.people[chat])
            leads_to = line.button.replace("{purchase}", ids.short_of(bought or 0))
            assert data[0].partition("~")[0] == f"go:{leads_to}"
