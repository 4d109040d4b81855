"""What a customer tells about themselves, posters and the links somebody came by."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from loyalty import customers, joining, sources
from loyalty.customers import telegram_chat
from loyalty.errors import NameInvalid, PhoneTaken, SourceNotFound, ZoneInvalid
from loyalty.reports.attraction import attraction
from loyalty.tokens import Keys
from tests.world import World

KEYS = Keys("a secret for tests")


@pytest.mark.parametrize("text", ["", "  ", "123", "🙂", "\u202e\x00", "see http://a.b"])
async def test_what_is_no_name(world: World, text: str) -> None:
    ann = await world.customer(name="Ann")
    with pytest.raises(NameInvalid):
        await world.db.transact(
            lambda s: customers.set_name(s, customer_id=ann, name=text, now=world.now)
        )
    assert (await world.db.read(lambda s: customers.get(s, ann))).name == "Ann"


async def test_an_unknown_zone_is_refused(world: World) -> None:
    ann = await world.customer()
    with pytest.raises(ZoneInvalid):
        await world.db.transact(
            lambda s: customers.set_time_zone(s, customer_id=ann, zone="Mars/Base", now=world.now)
        )


async def test_interests_are_kept_once_and_bounded(world: World) -> None:
    ann = await world.customer()

    async def like(name: str, liked: bool) -> tuple[str, ...]:
        return await world.db.transact(
            lambda s: customers.set_interest(
                s, customer_id=ann, category=name, liked=liked, now=world.now
            )
        )

    assert await like("tea", True) == ("tea",)
    assert await like("tea", True) == ("tea",)
    assert await like("coffee", False) == ("tea",)
    for number in range(40):
        kept = await like(f"kind {number}", True)
    assert len(kept) == 30
    assert await like("kind 39", False) == kept[:-1]


async def test_a_number_is_changed_and_never_welcomed_twice(world: World) -> None:
    ann = await world.customer(phone="+79990000001")
    await world.customer(phone="+79990000002")

    async def change(phone: str) -> bool:
        return await world.db.transact(
            lambda s: customers.change_phone(
                s, keys=KEYS, customer_id=ann, phone=phone, now=world.now
            )
        )

    with pytest.raises(PhoneTaken):
        await change("+79990000002")
    assert not await change("+79990000001")
    assert await change("+79990000003")
    assert not await change("+79990000003")
    seen = sa.select(customers.phone_seen.c.phone_hash)
    hashes = await world.db.read(lambda s: s.execute(seen).scalars().all())
    assert hashes == [KEYS.phone_hash("+79990000003")]


async def test_links_are_kept_in_order(world: World) -> None:
    async def start(payload: str | None) -> list[str]:
        def unit(session: sa.orm.Session) -> list[str]:
            customers.open_chat(
                session, telegram_id=5, language="en", now=world.now, payload=payload
            )
            return customers.links_of(session, 5)

        return await world.db.transact(unit)

    assert await start(None) == []
    assert await start("s_a") == ["s_a"]
    assert await start("k_1") == ["s_a", "k_1"]
    assert await start("s_a") == ["s_a", "k_1"]
    for n in range(2, 8):
        await start(f"k_{n}")
        await start(f"s_{n}")
    links = await start(None)
    assert [x for x in links if x.startswith("s_")] == ["s_a", "s_2", "s_3", "s_4"]
    assert [x for x in links if x.startswith("k_")] == ["k_4", "k_5", "k_6", "k_7"]
    arrival = await world.db.read(lambda s: joining.arrival(s, links))
    assert (arrival.source, arrival.code) == ("a", None)
    assert arrival.claims[0] == "k_7", "the newest receipt first"
    # A chat from before there were several: its one link counts.
    await world.db.transact(
        lambda s: s.execute(sa.update(telegram_chat).values(links=None, start_payload="s_old"))
    )
    assert await start("s_new") == ["s_old", "s_new"]


@pytest.mark.parametrize(
    ("payload", "key"),
    [("s_a", "a"), ("s_A-b_9", "A-b_9"), ("s_" + "x" * 62, "x" * 62), ("s_" + "x" * 63, None),
     ("s_", None), ("s_ä", None), ("r_abc", None), ("s_a\n", None), ("", None)],
)  # fmt: skip
def test_the_shape_of_a_posters_link(payload: str, key: str | None) -> None:
    assert sources.key_of(payload) == key


async def test_sources_and_what_they_cost(world: World) -> None:
    made = await world.db.transact(
        lambda s: sources.make(s, name="Щит на Ярославке", cost=100_00, actor="x", now=world.now)
    )
    assert made.key == "schit-na-yaroslavke"
    for _ in range(3):
        await world.customer(source=made.key)
    await world.customer(source="referral:ABC", status="active")
    await world.customer(status="anonymous", joined_at=None, source=made.key)
    found = await world.db.read(attraction)
    assert [(row.key, row.joined, row.cost_per_lead) for row in found.sources] == [
        (made.key, 3, 33_33)
    ]
    assert (found.by_friends.joined, found.by_none.joined) == (1, 0)
    for name, cost in (("", 0), ("x" * 121, 0), ("x", -1)):
        with pytest.raises(ValueError, match=r"a source|a cost"):
            await world.db.transact(
                lambda s, n=name, c=cost: sources.make(s, name=n, cost=c, actor="x", now=world.now)
            )
    with pytest.raises(SourceNotFound):
        await world.db.transact(
            lambda s: sources.save(s, key="nobody", name="x", cost=0, actor="x", now=world.now)
        )
