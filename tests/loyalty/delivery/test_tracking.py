"""Links and buttons that tell which message they were tapped in."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import delivery, privacy
from loyalty.chains.tables import chain
from loyalty.delivery.tracking import IN_TEXT, Links, split_mark, targets_of, with_tracking
from loyalty.errors import CodeInvalid
from loyalty.events import event
from loyalty.ids import short_of
from loyalty.messaging.tables import click, outbox
from loyalty.messaging.templates import Message
from loyalty.tokens import Keys, read_link, sign_link
from tests.loyalty.delivery.letters import LINKED, MENU, SALE, SHOP, letter, publish
from tests.world import ZONE, World

KEYS = Keys("k" * 40)
LINKS = Links(KEYS, "https://loyal.example/")


async def clicks(world: World) -> list[Any]:
    """What was counted, in order."""
    query = sa.select(click).order_by(click.c.id)
    return list(await world.db.read(lambda s: s.execute(query).all()))


async def facts(world: World) -> list[dict[str, Any]]:
    """What the journal says of clicks."""
    query = sa.select(event.c.data).where(event.c.type == "message.clicked").order_by(event.c.id)
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def find(world: World, token: str) -> delivery.Tracked | None:
    """What is behind a token."""
    return await world.db.read(lambda s: delivery.find_link(s, token, keys=KEYS))


async def leads(world: World, outbox_id: int, place: int) -> str | None:
    """Where a link of the message leads."""
    found = await find(world, sign_link(KEYS, outbox_id=outbox_id, place=place))
    return found.url if found else None


async def follow(world: World, outbox_id: int, place: int) -> bool:
    """Follow it."""
    link = await find(world, sign_link(KEYS, outbox_id=outbox_id, place=place))
    assert link is not None
    return await world.db.transact(lambda s: delivery.note_link(s, link, now=world.now))


def test_a_token_is_short_and_only_ours() -> None:
    token = sign_link(KEYS, outbox_id=2**63 - 1, place=255)
    assert re.fullmatch(r"[A-Za-z0-9_-]{28}", token)
    assert read_link(KEYS, token) == (2**63 - 1, 255)
    forged = [
        sign_link(Keys("other" * 9), outbox_id=5, place=0),
        token[:-1],
        token + "A",
        token + "=",
        "A" * 28,
        "",
        "é" * 28,
        token[:5] + ("A" if token[5] != "A" else "B") + token[6:],
    ]
    for bad in forged:
        with pytest.raises(CodeInvalid):
            read_link(KEYS, bad)


def test_what_is_no_web_address_stays_as_it_is() -> None:
    for url in ("tg://resolve?domain=x", "mailto:a@b.example", "javascript:alert(1)"):
        assert delivery.tracked(url, 5, 0, KEYS, "https://l.example") == url
    assert delivery.tracked(SHOP, 5, IN_TEXT - 1, KEYS, "https://l.example") != SHOP
    assert delivery.tracked(SHOP, 5, 256, KEYS, "https://l.example") == SHOP


@pytest.mark.parametrize(
    ("also", "place", "url"),
    [
        ({}, 0, None),
        ({}, 1, SHOP),
        ({}, 2, MENU),
        ({}, 3, None),
        ({"variant": "a"}, 1, SHOP),
        ({"variant": "b"}, 0, SALE),
        ({"variant": "b"}, 1, None),
        ({"segment": 0, "variant": "b"}, 0, "https://vip.example/"),
        ({"segment": 9}, 1, SHOP),
        ({}, IN_TEXT, SHOP),
        ({}, IN_TEXT + 1, "https://shop.example/new"),
        ({}, IN_TEXT + 2, None),
        ({"step": "gone"}, 1, None),
        ({"chain_version": 12345}, 1, None),
    ],
)
async def test_a_link_leads_where_its_message_led(
    world: World, also: dict[str, Any], place: int, url: str | None
) -> None:
    version = await publish(world)
    anna = await world.customer()
    sent = await letter(world, anna, {"chain_version": version, "step": "look", **also})
    assert await leads(world, sent, place) == url


async def test_words_given_as_they_are_lead_too(world: World) -> None:
    payload = {
        "text": f'Hi, <a href="{MENU}">menu</a>',
        "buttons": [[{"text": "a", "data": "card"}], [{"text": "b", "url": SALE}]],
    }
    sent = await letter(world, await world.customer(), payload, message_class="mass")
    assert [await leads(world, sent, place) for place in (0, 1, IN_TEXT)] == [None, SALE, MENU]
    odd = await letter(world, None, {"text": "x", "buttons": [[{"url": "javascript:alert(1)"}]]})
    assert await leads(world, odd, 0) is None


async def test_what_leaves_is_marked_and_comes_back_to_the_same(world: World) -> None:
    version = await publish(world)
    anna = await world.customer()
    payload = {"chain_version": version, "step": "look"}
    sent = await letter(world, anna, payload)
    text = LINKED["en"] + ' <a href="https://goods.example/">brought by a variable</a>'
    buttons = (
        ({"text": "Go", "data": "rate:abc"}, {"text": "Go", "url": SHOP}),
        ({"text": "Go", "url": MENU}, {"text": "Go", "tap": "spend:yes:5"}),
    )

    async def mark(message_class: str, links: Links | None = LINKS) -> Message:
        return await world.db.read(
            lambda s: with_tracking(
                s,
                Message(text, buttons),
                payload,
                outbox_id=sent,
                message_class=message_class,
                links=links,
            )
        )

    said, plain, bare = await mark("trigger"), await mark("service"), await mark("trigger", None)
    assert plain == Message(text, buttons)
    (go, shop), (menu, tap) = said.buttons
    assert go["data"] == f"rate:abc~{short_of(sent)}"
    assert len(f"go:{go['data']}".encode()) <= 64
    assert tap == {"text": "Go", "tap": "spend:yes:5"}
    assert (bare.text, bare.buttons[0][1]["url"]) == (text, SHOP)
    assert bare.buttons[0][0] == go
    assert "https://goods.example/" in said.text
    assert "shop.example" not in said.text
    addresses = [shop["url"], menu["url"], *re.findall(r'href="(https://loyal[^"]+)"', said.text)]
    assert all(re.fullmatch(r"https://loyal\.example/r/[\w-]{28}", one) for one in addresses)
    found = [await find(world, one.rpartition("/")[2]) for one in addresses]
    assert [one.url for one in found if one] == [SHOP, MENU, SHOP, "https://shop.example/new"]
    assert [one.target for one in found if one] == ["1", "2", "t0", "t1"]


def test_a_mark_is_taken_off_again() -> None:
    assert split_mark("rate:abc:5~1z") == ("rate:abc:5", 71)
    assert split_mark("menu") == ("menu", None)
    assert split_mark("menu~") == ("menu", None)
    assert split_mark("menu~UP/..") == ("menu", None)
    assert split_mark("menu~zzzzzzzzzzzzz") == ("menu", None)


async def test_every_click_is_a_row_the_first_is_a_fact(world: World) -> None:
    version = await publish(world)
    anna = await world.customer()
    payload = {"chain_version": version, "step": "look", "variant": "b"}
    sent = await letter(world, anna, payload)
    world.pass_time(days=900)
    assert [await follow(world, sent, 0) for _ in range(3)] == [True] * 3
    rows = await clicks(world)
    assert len(rows) == 3
    assert {(r.customer_id, r.source, r.step, r.variant, r.kind, r.target) for r in rows} == {
        (anna, "chain:spring", "look", "b", "link", "0")
    }
    assert all(row.touch_id and row.at == world.now for row in rows)
    assert await facts(world) == [
        {
            "message_id": str(sent),
            "source": "chain:spring",
            "step": "look",
            "variant": "b",
            "kind": "link",
            "target": "0",
        }
    ]


async def test_a_tap_is_counted_once_however_often_it_is_handled(world: World) -> None:
    anna = await world.customer(chat=77)
    sent = await letter(world, anna, {"text": "x"})

    async def tap(key: str, chat_id: int = 77, outbox_id: int = sent) -> bool:
        return await world.db.transact(
            lambda s: delivery.note_tap(
                s, outbox_id=outbox_id, chat_id=chat_id, screen="offers", key=key, now=world.now
            )
        )

    assert [await tap("tap:1"), await tap("tap:1"), await tap("tap:2")] == [True, False, True]
    # Somebody else's message, one of ours that is not marked, one that never was.
    receipt = await letter(world, anna, {"text": "x"}, message_class="service")
    assert not await tap("tap:3", chat_id=78)
    assert not await tap("tap:4", outbox_id=receipt)
    assert not await tap("tap:5", outbox_id=1)
    assert [row.target for row in await clicks(world)] == ["offers", "offers"]
    assert len(await facts(world)) == 1


async def test_links_outlive_the_chain_and_the_customer(world: World) -> None:
    version = await publish(world)
    anna = await world.customer(chat=77, name="Anna")
    sent = await letter(world, anna, {"chain_version": version, "step": "look", "variant": "b"})
    mass = await letter(
        world,
        anna,
        {"text": f'Anna, <a href="{MENU}">look</a>', "buttons": [[{"text": "Anna", "url": SALE}]]},
        message_class="mass",
    )
    put_away = sa.update(chain).values(archived_at=world.now, enabled=False)
    await world.db.transact(lambda s: s.execute(put_away))
    assert await follow(world, sent, 0)

    def erase(session: Any) -> None:
        privacy.ask_erasure(session, customer_id=anna, actor="test", time_zone=ZONE, now=world.now)
        privacy.erase(
            session,
            customer_id=anna,
            keys=KEYS,
            actor="test",
            time_zone=ZONE,
            now=world.now + timedelta(days=4),
        )

    await world.db.transact(erase)
    assert await leads(world, sent, 0) == SALE
    assert [await leads(world, mass, place) for place in (0, IN_TEXT)] == [SALE, MENU]
    assert not await follow(world, sent, 0)
    assert len(await clicks(world)) == 1
    query = sa.select(outbox.c.payload).where(outbox.c.id.in_([sent, mass])).order_by("id")
    kept = await world.db.read(lambda s: s.execute(query).scalars().all())
    assert kept == [
        {"chain_version": version, "step": "look", "variant": "b"},
        {"buttons": [[{"url": SALE}]], "links": [MENU]},
    ]
    empty = await world.db.read(lambda s: targets_of(s, {}))
    assert empty.at(0) is None
