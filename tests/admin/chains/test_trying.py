"""Looking ahead, trying a chain on a customer, sending a test to oneself."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from loyalty import clock, consent
from loyalty.chains import drafts
from loyalty.chains.tables import enrolment
from loyalty.db.installation import set_bot_username
from loyalty.ids import new_id
from loyalty.messaging.tables import outbox, touch
from loyalty.staff import staff
from tests.admin import shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.world import World

HOME = "/admin/chains"
REHEARSE = f"{HOME}/welcome/rehearse"


async def _begun(world: World, guest: int) -> None:
    one = await world.db.read(lambda s: drafts.find(s, key="welcome"))
    row = {
        "id": new_id(), "chain_id": one.id, "chain_version_id": one.version_id,
        "customer_id": guest, "occurrence": "once", "step": 0, "status": "active",
        "due_at": clock.now() + timedelta(hours=1), "enrolled_at": clock.now(),
    }  # fmt: skip
    await world.db.transact(lambda s: s.execute(sa.insert(enrolment).values(**row)))


async def test_what_is_ahead_is_told_and_nothing_is_written(
    world: World, marketer: Visitor
) -> None:
    _, page, _ = await marketer.get(f"{HOME}/preview?days=1")
    assert "Nothing is due" in words(page)
    guest = await world.customer(name="Anna", chat=77)
    await _begun(world, guest)
    status, page, _ = await marketer.get(f"{HOME}/preview?days=7")
    said = words(page)
    assert status == 200
    # Who gets nothing is counted with the reason, and shown on request.
    assert "no consent to advertising – " in said
    assert "Nobody gets anything in these days" in said
    assert f"/admin/customers/{guest}" not in page
    _, page, _ = await marketer.get(f"{HOME}/preview?days=7&who=all")
    assert f"/admin/customers/{guest}" in page
    assert "not sent no consent to advertising" in words(page)
    await world.db.transact(lambda s: consent.ensure_texts(s, now=clock.now()))
    await world.db.transact(
        lambda s: consent.record(
            s, customer_id=guest, purpose=consent.ADS_TELEGRAM, granted=True, language="ru",
            channel="telegram", evidence="test", now=clock.now(),
        )
    )  # fmt: skip
    _, page, _ = await marketer.get(f"{HOME}/preview?days=7")
    assert f"/admin/customers/{guest}" in page
    assert "Anna" in words(page)
    status, page, _ = await marketer.get(f"{HOME}/preview?days=nonsense&chain=rating")
    assert (status, "Anna" in words(page)) == (200, False)
    count = sa.select(sa.func.count()).select_from(touch)
    assert await world.db.read(lambda s: s.execute(count).scalar_one()) == 0


async def test_a_chain_is_tried_on_a_customer(world: World, marketer: Visitor) -> None:
    guest = await world.customer(name="Anna", chat=77)
    await marketer.get(REHEARSE)
    _, page, answer = await marketer.post(REHEARSE, q="Ann")
    assert "Ann" not in answer.url.query_string
    assert f"{REHEARSE}?customer={guest}" in page
    _, page, _ = await marketer.post(REHEARSE, q="Nobody at all")
    assert "Nobody found." in words(page)
    status, page, _ = await marketer.get(f"{REHEARSE}?customer={guest}")
    said = words(page)
    assert status == 200
    assert "not sent no consent to advertising" in said
    assert "Анна" not in said
    assert 'class="bubble-text"' in page
    assert (await marketer.get(f"{REHEARSE}?customer=12"))[0] == 404


async def test_a_draft_that_is_not_right_yet_cannot_be_tried(
    world: World, marketer: Visitor
) -> None:
    guest = await world.customer(name="Anna")
    await marketer.get(f"{HOME}/welcome/edit")
    await marketer.post(f"{HOME}/welcome/edit/steps", do="add:message")
    status, page, _ = await marketer.get(f"{REHEARSE}?customer={guest}&draft=1")
    assert status == 409
    assert "It cannot be tried yet." in words(page)


async def test_a_chain_is_tried_before_it_is_published(world: World, marketer: Visitor) -> None:
    guest = await world.customer(name="Anna", chat=77)
    await marketer.get(f"{HOME}/new")
    names = {"title.ru": "Моя", "title.en": "Mine", "from": "preset:birthday_gift"}
    _, _, answer = await marketer.send(f"{HOME}/new", list(names.items()))
    home = f"{HOME}/{answer.url.parts[3]}"
    status, page, _ = await marketer.get(f"{home}/rehearse?customer={guest}&draft=1")
    assert status == 200
    assert "no consent to advertising" in words(page)


async def test_a_test_comes_to_ones_own_chat(world: World, marketer: Visitor) -> None:
    await world.customer(name="Anna")
    await marketer.get(REHEARSE)
    status, page, _ = await marketer.post(f"{HOME}/welcome/test", step="hello")
    assert status == 409
    assert "First connect your Telegram" in words(page)
    assert "/start j_" in page
    await shop.stamp(world)
    await world.db.transact(lambda s: set_bot_username(s, username="regulars_bot"))
    _, page, _ = await marketer.post(f"{HOME}/welcome/test", step="hello")
    assert "https://t.me/regulars_bot?start=j_" in page
    connected = sa.update(staff).where(staff.c.login == "marketer").values(telegram_id=4242)
    await world.db.transact(lambda s: s.execute(connected))
    status, page, _ = await marketer.post(f"{HOME}/welcome/test", step="hello", language="en")
    assert (status, "On its way" in words(page)) == (200, True)
    (row,) = await world.db.read(lambda s: s.execute(sa.select(outbox)).all())
    assert (row.chat_id, row.message_class, row.customer_id) == (4242, "service", None)
    assert "so glad to meet you" in row.payload["text"]
    status, page, _ = await marketer.post(f"{HOME}/welcome/test", step="nonsense")
    assert (status, "Choose a message." in words(page)) == (400, True)
