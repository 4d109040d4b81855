"""Chains in the panel: who may what, switching, why and why not, the customer's card."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import chains, clock, consent
from loyalty.chains import drafts, editing
from loyalty.chains.preview import next_of
from loyalty.chains.tables import chain, enrolment
from loyalty.customers import customer
from loyalty.events import event
from loyalty.ids import new_id
from loyalty.messaging.tables import click, outbox, touch
from tests.admin import shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.world import ZONE, World

HOME = "/admin/chains"
PAGES = (
    HOME, f"{HOME}/welcome", f"{HOME}/preview", f"{HOME}/preview?days=30&chain=welcome",
    f"{HOME}/welcome/rehearse",
)  # fmt: skip
EDITING = (
    f"{HOME}/new", f"{HOME}/welcome/edit", f"{HOME}/welcome/edit/part/title",
    f"{HOME}/welcome/edit/part/trigger", f"{HOME}/welcome/edit/part/exits",
    f"{HOME}/welcome/edit/part/again", f"{HOME}/welcome/edit/steps/hello",
)  # fmt: skip
CHANGES = (
    f"{HOME}/new", f"{HOME}/welcome/on", f"{HOME}/welcome/off", f"{HOME}/welcome/archive",
    f"{HOME}/welcome/take-back", f"{HOME}/welcome/edit/steps", f"{HOME}/welcome/edit/finish",
    f"{HOME}/welcome/edit/part/title", f"{HOME}/welcome/edit/steps/hello",
    f"{HOME}/welcome/edit/steps/hello/preview", f"{HOME}/welcome/test",
)  # fmt: skip


async def _types(world: World) -> list[str]:
    query = sa.select(event.c.type).where(event.c.type.like("chain.%")).order_by(event.c.id)
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def _chain(world: World, key: str = "welcome") -> drafts.Edited:
    return await world.db.read(lambda s: drafts.find(s, key=key))


async def _as(world: World, visitor: Visitor, role: str) -> None:
    await world.db.transact(lambda s: chains.ensure_shipped(s, now=world.now))
    await shop.hire(world, role)
    await visitor.sign_in(role)


async def test_an_analyst_looks_and_changes_nothing(world: World, visitor: Visitor) -> None:
    await _as(world, visitor, "analyst")
    for path in PAGES:
        status, page, _ = await visitor.get(path)
        assert status == 200, path
        assert 'role="switch"' not in page
        assert "/edit" not in page, path
    for path in EDITING:
        assert (await visitor.get(path))[0] == 403, path
    for path in CHANGES:
        assert (await visitor.post(path))[0] == 403, path
    assert (await _chain(world)).enabled
    assert await _types(world) == []


async def test_a_cashier_and_a_stranger_see_nothing(world: World, visitor: Visitor) -> None:
    await world.db.transact(lambda s: chains.ensure_shipped(s, now=world.now))
    for path in PAGES + EDITING:
        _, page, answer = await visitor.get(path)
        assert answer.url.path == "/admin/sign-in", path
        assert "Welcome" not in words(page)
    await shop.hire(world, "cashier")
    await visitor.sign_in("cashier")
    assert (await visitor.get(HOME))[2].url.path == "/admin/sign-in"


async def test_a_form_without_its_token_does_nothing(world: World, marketer: Visitor) -> None:
    for path in CHANGES:
        status, _, _ = await marketer.post(path, csrf="forged", do="add:tag")
        assert status == 403, path
    assert (await _chain(world)).draft is None
    assert (await _chain(world)).enabled


async def test_switching_off_and_on_leaves_a_trace(world: World, marketer: Visitor) -> None:
    await marketer.get(HOME)
    status, page, answer = await marketer.post(f"{HOME}/welcome/off", back="list")
    assert (status, answer.url.path) == (200, HOME)
    assert not (await _chain(world)).enabled
    await marketer.post(f"{HOME}/welcome/off")
    assert await _types(world) == ["chain.switched_off"]
    status, page, answer = await marketer.post(f"{HOME}/welcome/on")
    assert answer.url.path == f"{HOME}/welcome"
    assert "switched on" in words(page)
    assert await _types(world) == ["chain.switched_off", "chain.switched_on"]


async def test_a_halted_chain_is_marked_and_switched_on_again(
    world: World, marketer: Visitor
) -> None:
    halted = sa.update(chain).where(chain.c.key == "welcome")
    values = {"enabled": False, "halted_at": world.now, "halted_reason": "Bad Request: parse"}
    await world.db.transact(lambda s: s.execute(halted.values(**values)))
    _, page, _ = await marketer.get(HOME)
    assert "Telegram refused its messages." in words(page)
    assert "Switch it on again" in words(page)
    await marketer.post(f"{HOME}/welcome/on", back="list")
    one = await _chain(world)
    assert (one.enabled, one.halted_at, one.halted_reason) == (True, None, None)


async def test_what_a_chain_lacks_keeps_it_off(world: World, marketer: Visitor) -> None:
    document = {
        **drafts.empty({"ru": "Штампы", "en": "Stamps"}),
        "steps": [{"kind": "gift", "id": "g", "stamps": {"card": "gone", "count": 1}}],
    }

    def unit(session: Session) -> str:
        key = editing.create(
            session, title={"ru": "Штампы", "en": "Stamps"}, definition=document, actor="staff:1",
            now=world.now,
        )  # fmt: skip
        editing.publish_draft(session, key=key, actor="staff:1", now=world.now)
        return key

    key = await world.db.transact(unit)
    _, page, _ = await marketer.get(f"{HOME}/{key}")
    assert "The stamp card it gives stamps on is not in the program." in words(page)
    status, page, _ = await marketer.post(f"{HOME}/{key}/on")
    assert status == 409
    assert "It cannot be switched on yet." in words(page)
    status, page, _ = await marketer.post(f"{HOME}/{key}/on", back="list")
    assert status == 409
    assert not (await _chain(world, key)).enabled


async def test_what_waits_for_the_shop_is_told(world: World, marketer: Visitor) -> None:
    _, page, _ = await marketer.get(HOME)
    assert "Connect your site" in words(page)
    marketer.headers["Accept-Language"] = "ru"
    _, page, _ = await marketer.get(HOME)
    assert "Подключите сайт" in words(page)
    assert "включена" in words(page)


async def test_archive_and_back(world: World, marketer: Visitor) -> None:
    await marketer.get(HOME)
    await marketer.post(f"{HOME}/welcome/archive")
    _, page, _ = await marketer.get(HOME)
    assert 'id="chain-welcome"' not in page
    _, page, _ = await marketer.get(f"{HOME}?archived=1")
    assert 'id="chain-welcome"' in page
    _, page, _ = await marketer.post(f"{HOME}/welcome/take-back")
    assert "switched off" in words(page)
    assert await _types(world) == ["chain.archived", "chain.unarchived"]


async def test_there_is_no_such_chain(marketer: Visitor) -> None:
    await marketer.get(HOME)
    for path in ("nope", "nope/edit", "nope/rehearse", "welcome/edit/steps/nope"):
        status, page, _ = await marketer.get(f"{HOME}/{path}")
        assert status == 404, path
        assert "There is no such chain or step any more." in words(page)
    assert (await marketer.post(f"{HOME}/nope/on"))[0] == 404
    assert (await marketer.get(f"{HOME}/welcome/edit/part/else"))[0] == 404


# --- why and why not -------------------------------------------------------------------------


async def _decide(world: World, customer_id: int, step: str, **what: Any) -> int:
    """A touch, with its message if ``state`` says how that ended; the touch's id."""
    state, why, tapped = what.pop("state", None), what.pop("why", None), what.pop("tapped", False)
    touch_id, outbox_id, now = new_id(), new_id() if state else None, clock.now()
    row = {
        "id": touch_id, "customer_id": customer_id, "source": "chain:welcome", "step": step,
        "occurrence": str(touch_id), "message_class": "trigger", "decision": "send",
        "due_at": now, "deadline": now + timedelta(days=2), "decided_at": now,
        "outbox_id": outbox_id, **what,
    }  # fmt: skip

    def unit(session: Session) -> None:
        session.execute(sa.insert(touch).values(**row))
        if outbox_id is not None:
            session.execute(
                sa.insert(outbox).values(
                    id=outbox_id, customer_id=customer_id, chat_id=1, message_class="trigger",
                    key=f"touch:{touch_id}", payload={"text": "…"}, priority=1, state=state,
                    due_at=now, deadline=now, created_at=now, attempts=1, touch_id=touch_id,
                    reason=why,
                )
            )  # fmt: skip
        if tapped:
            session.execute(
                sa.insert(click).values(
                    id=new_id(), at=now, outbox_id=outbox_id, customer_id=customer_id,
                    touch_id=touch_id, source="chain:welcome", step=step, kind="button",
                    target="card",
                )
            )  # fmt: skip

    await world.db.transact(unit)
    return touch_id


@pytest.fixture
async def decided(world: World, marketer: Visitor) -> tuple[int, int]:
    """Two customers and every way a decision can end."""
    anna = await world.customer(name="Anna")
    boris = await world.customer(name="Boris")
    await _decide(world, anna, "hello", state="sent", tapped=True)
    await _decide(world, anna, "card", decision="skipped", reason="cap_day")
    await _decide(world, boris, "hello", state="unknown")
    await _decide(world, boris, "card", state="blocked")
    await _decide(world, anna, "waiting", decision="held_out", reason="holdout")
    await _decide(world, boris, "waiting", state="skipped", why="purchase_returned")
    await _decide(world, boris, "thanks", decision="wait", reason="quiet_hours")
    return anna, boris


async def test_the_list_counts_what_left_and_what_did_not(
    decided: tuple[int, int], marketer: Visitor
) -> None:
    _, page, _ = await marketer.get(HOME)
    said = words(page.partition('id="chain-welcome"')[2].partition("</li>")[0])
    assert "sent 1" in said
    assert "perhaps delivered 1" in said
    assert "in the control group 1" in said
    assert "not sent 3" in said
    assert "enough messages that day – 1" in said
    assert "the customer has blocked the bot – 1" in said
    assert "the purchase was returned – 1" in said
    assert len(decided) == 2


async def test_each_step_tells_what_it_did(decided: tuple[int, int], marketer: Visitor) -> None:
    _, page, _ = await marketer.get(f"{HOME}/welcome")
    said = words(page)
    assert '👋 <span class="example">Anna</span>, so glad to meet you!' in page
    assert "sent 1 tapped 1 perhaps delivered 1" in said
    assert "2 days after the beginning" in said
    assert "Begins when somebody joins" in said
    assert "Version 1 in force" in said
    assert len(decided) == 2


async def test_why_this_one_and_not_that_one(decided: tuple[int, int], marketer: Visitor) -> None:
    anna, _boris = decided

    async def listed(**asked: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        _, page, _ = await marketer.get(f"{HOME}/welcome?{query}")
        return words(page.partition('id="why"')[2].partition("<ul")[2])

    everything = await listed()
    assert everything.count(" Anna ") == 3
    assert everything.count(" Boris ") == 4
    assert "waits quiet hours until" in everything
    assert (await listed(outcome="held_out")).count(" Anna ") == 1
    assert "not sent on purpose in the control group" in await listed(outcome="held_out")
    skipped = await listed(outcome="skipped")
    assert (skipped.count(" Anna "), skipped.count(" Boris ")) == (1, 2)
    assert "enough messages that day" in await listed(reason="cap_day")
    assert "Boris" not in await listed(reason="cap_day")
    assert "blocked the bot" in await listed(reason="blocked")
    assert "Boris" not in await listed(customer=str(anna))
    assert (await listed(step="hello")).count("tapped") == 1
    assert "Anna" in await listed(outcome="nonsense", customer="x", before="y")
    marketer.headers["Accept-Language"] = "ru"
    assert "в контрольной группе" in await listed(outcome="held_out")


async def test_a_long_story_goes_on_page_by_page(world: World, marketer: Visitor) -> None:
    guest = await world.customer(name="Anna")
    for _ in range(33):
        await _decide(world, guest, "hello", decision="skipped", reason="late")
    _, page, _ = await marketer.get(f"{HOME}/welcome?outcome=skipped")
    assert page.count("its time had passed</small>") == 30
    link = page.partition('class="more"><a class="secondary" href="')[2].partition('"')[0]
    assert "outcome=skipped" in link
    _, page, _ = await marketer.get(link.replace("&amp;", "&"))
    assert page.count("its time had passed</small>") == 3


# --- the customer's card ---------------------------------------------------------------------


async def _on_way(world: World, customer_id: int) -> int:
    one, number = await _chain(world), new_id()
    row = {
        "id": number, "chain_id": one.id, "chain_version_id": one.version_id,
        "customer_id": customer_id, "occurrence": "once", "step": 1, "status": "active",
        "due_at": clock.now() + timedelta(days=2), "enrolled_at": clock.now(),
    }  # fmt: skip
    await world.db.transact(lambda s: s.execute(sa.insert(enrolment).values(**row)))
    return number


async def test_the_card_tells_where_somebody_is_and_takes_them_out(
    world: World, marketer: Visitor
) -> None:
    guest = await world.customer(name="Anna")
    way = await _on_way(world, guest)
    waiting = await _decide(
        world, guest, "card", decision="wait", reason="quiet_hours", occurrence="once"
    )
    sent = await _decide(world, guest, "hello", state="sent", tapped=True)
    queued = await _decide(world, guest, "thanks", state="queued", occurrence="once")
    _, page, _ = await marketer.get(f"/admin/customers/{guest}")
    said = words(page)
    assert "Welcome next: 3. Message: 💳 Your card is always" in said
    assert "will be left out: cannot be reached in Telegram" in said
    assert "1. Message: 👋 Anna, so glad to meet you! It" in said
    assert "tapped" in said
    address = f"/admin/customers/{guest}/chain"
    assert (await marketer.post(address, way=str(way + 1)))[0] == 200
    assert await _types(world) == []
    status, page, _ = await marketer.post(address, way=str(way))
    assert status == 200
    assert "next:" not in words(page)
    assert "taken out of the chain by hand" in words(page)

    def state(session: Session) -> tuple[Any, ...]:
        passed = session.execute(sa.select(enrolment).where(enrolment.c.id == way)).one()
        told = sa.select(touch.c.decision).where(touch.c.id == waiting)
        left = sa.select(outbox.c.state).where(outbox.c.touch_id.in_([sent, queued]))
        return (
            passed.status, passed.reason, session.execute(told).scalar_one(),
            sorted(session.execute(left).scalars()),
        )  # fmt: skip

    assert await world.db.read(state) == ("exited", "taken_out", "skipped", ["cancelled", "sent"])
    await marketer.post(address, way=str(way))
    assert await _types(world) == ["chain.taken_out"]


async def test_the_card_tells_when_a_message_may_really_leave(
    world: World, marketer: Visitor
) -> None:
    now = clock.now()
    today = clock.local_date(now, ZONE)
    guest = await world.customer(name="Anna", chat=701)
    await world.db.transact(lambda s: consent.ensure_texts(s, now=now))
    await world.db.transact(
        lambda s: consent.record(
            s, customer_id=guest, purpose="ads:telegram", granted=True, language="en",
            channel="telegram", evidence="1", now=now,
        )
    )  # fmt: skip
    # Due the day after tomorrow at half past eleven in the evening: it leaves the morning after.
    night = clock.start_of_day(today + timedelta(days=3), ZONE) - timedelta(minutes=30)
    way = await _on_way(world, guest)
    shift = {"due_at": night, "enrolled_at": night - timedelta(days=2), "arrived_at": None}
    await world.db.transact(
        lambda s: (
            s.execute(sa.update(enrolment).where(enrolment.c.id == way).values(**shift)) and None
        )
    )
    found = await world.db.read(lambda s: next_of(s, guest, now=now, time_zone=ZONE))
    morning = clock.start_of_day(today + timedelta(days=3), ZONE) + timedelta(hours=9)
    assert (found[way].step.id, found[way].at) == ("card", morning)
    _, page, _ = await marketer.get(f"/admin/customers/{guest}")
    assert "09:00" in words(page).partition("Welcome next:")[2][:160]
    assert "will be left out" not in words(page)
    assert "where they are" not in words(page)
    moved = sa.update(customer).where(customer.c.id == guest).values(time_zone="Asia/Vladivostok")
    await world.db.transact(lambda s: s.execute(moved) and None)
    _, page, _ = await marketer.get(f"/admin/customers/{guest}")
    # Half past six in the morning there, so it waits for nine o'clock of theirs.
    assert "02:00 (09:00 where they are)" in words(page)


async def test_an_analyst_takes_nobody_out(world: World, visitor: Visitor) -> None:
    await _as(world, visitor, "analyst")
    guest = await world.customer(name="Anna")
    way = await _on_way(world, guest)
    _, page, _ = await visitor.get(f"/admin/customers/{guest}")
    assert "next:" in words(page)
    assert "Take out" not in words(page)
    status, _, _ = await visitor.post(f"/admin/customers/{guest}/chain", way=str(way))
    assert status == 403
