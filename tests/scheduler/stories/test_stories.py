"""Every shipped chain from its cue to its end: it fires, ends, is capped, is held out, is late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty.chains.shipped import PRESETS
from tests.scheduler.stage import Stage
from tests.scheduler.stories.play import (
    CAPPED,
    CAST,
    EN,
    HELD,
    LEAVER,
    MINUTE,
    OUTAGE,
    RU,
    Play,
    Story,
    another_message,
    check_line,
    cue,
    set_stage,
    tomorrow,
)
from tests.scheduler.stories.rows import STORIES

pytestmark = pytest.mark.slow

each_story = pytest.mark.parametrize("story", STORIES, ids=lambda one: one.name or one.chain)


def test_no_shipped_chain_is_without_a_story() -> None:
    assert {story.chain for story in STORIES} == set(PRESETS)


@each_story
async def test_the_whole_of_it(stage: Stage, story: Story) -> None:
    play = await set_stage(stage, story, CAST)
    first = story.lines[0].when(play.cue_at)
    at_once = first <= play.cue_at
    if at_once:
        await another_message(stage, play.people[CAPPED], CAPPED)
    await cue(play)
    seen: list[str] = []
    for number, line in enumerate(story.lines):
        moment = line.when(play.cue_at)
        if moment > play.cue_at:
            await play.reach(moment - MINUTE)
            assert [await play.sent(chat) for chat in (RU, EN)] == [seen, seen], line.step
        if number == 0 and not at_once:
            await another_message(stage, play.people[CAPPED], CAPPED)
        if number == (0 if len(story.lines) == 1 else 1) and story.leave:
            await story.leave(stage, play.people[LEAVER])
        # The people of a story act one after the other: the last of them a little later.
        await play.reach(moment + MINUTE)
        await check_line(play, line, seen)
        seen.append(line.step)
        if number == 0:
            await check_capped(play)
    await check_end(play, seen)


async def check_capped(play: Play) -> None:
    """Who has had a message today gets this one tomorrow morning."""
    step = play.story.lines[0].step
    # A gift waits with the message that tells of it.
    (held_back,) = await play.decisions(CAPPED)
    assert held_back[0] in (step, *play.story.gifts[:1])
    assert held_back[1:] == ("wait", "cap_day")
    assert await play.sent(CAPPED) == []
    await play.reach(tomorrow(9, 1)(play.story.lines[0].when(play.cue_at)))
    assert await play.sent(CAPPED) == [step]


async def check_end(play: Play, seen: list[str]) -> None:
    """Nothing more is said to anybody; gifts went with their words, and to no one held out."""
    story = play.story
    await play.reach(story.lines[-1].when(play.cue_at) + timedelta(days=9))
    for chat in (RU, EN):
        assert await play.sent(chat) == seen
        assert (await play.way(chat))[0] == "done"
        given = {step for step, decision, _ in await play.decisions(chat) if decision == "send"}
        assert given >= set(story.gifts)
        coupons = [gift for gift in story.gifts if gift != "points"]
        assert await play.coupons(chat) == len(coupons)
    assert await play.sent(HELD) == []
    held = await play.decisions(HELD)
    assert {decision for _, decision, _ in held} == {"held_out"}
    assert {step for step, _, _ in held} >= {*seen, *story.gifts}
    assert await play.coupons(HELD) == 0
    if story.leave is not None:
        # Who comes back and is silent again begins again.
        assert set(await play.sent(LEAVER)) == set(seen[:1] if len(seen) > 1 else ())
        status, reason = await play.way(LEAVER)
        reasons = {why for _, _, why in await play.decisions(LEAVER)}
        assert story.ends in {reason, *reasons}, (status, reason, reasons)
    assert await play.stage.world.faults() == []


@each_story
async def test_after_three_days_without_service(stage: Stage, story: Story) -> None:
    play = await set_stage(stage, story, (RU,))
    await cue(play)
    first = story.lines[0].when(play.cue_at)
    back = first + OUTAGE
    await play.reach(back)
    await play.reach(back + timedelta(hours=1))
    assert tuple(await play.decisions(RU)) == story.late
    said = [step for step, decision, _ in story.late if decision == "send"]
    assert await play.sent(RU) == [step for step in said if step in _messages(story)]


def _messages(story: Story) -> set[str]:
    return {step.id for step in PRESETS[story.chain].definition.messages}
