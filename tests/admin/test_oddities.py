"""What looks odd in the panel, and stamps and levels given by hand on a customer's card."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock, guards, staff, stamps, tiers
from loyalty.events import event
from tests.admin import market, shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.world import World

HOME = "/admin/oddities"
_KEY = re.compile(r'/stamps".*?name="key" value="(\d+)"', re.DOTALL)


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    world.now = clock.now() - timedelta(hours=1)
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    return visitor


async def _types(world: World) -> list[str]:
    return [row.type for row in await world.db.read(lambda s: s.execute(sa.select(event)).all())]


async def test_every_kind_is_explained_and_marked(world: World, owner: Visitor) -> None:
    guest = await world.customer(name="Anna<b>")
    cashier = f"staff:{world.staff_id}"
    key = await world.db.transact(
        lambda s: staff.add_key(s, outlet_id=world.outlet_id, now=world.now, actor="system")
    )
    assert key
    made = (await world.db.read(lambda s: staff.keys_of(s, outlet_id=world.outlet_id)))[0]
    subjects = {
        "card_sales": f"customer:{guest}",
        "cashier_sales": cashier,
        "cashier_one_card": f"{cashier}/customer:{guest}",
        "redemption_without_receipt": made.actor,
        "cashier_returns": cashier,
    }
    assert set(subjects) == set(guards.KINDS)
    ids = [await market.oddity(world, kind, who, 12) for kind, who in subjects.items()]
    _, page, _ = await owner.get(HOME)
    said = words(page)
    for text in (
        "12 purchases on one card",
        "Olga rang up 12 sales within an hour",
        "Olga put 12 sales on the card of Anna<b>",
        "The till at Main Street: 12 times",
        "Olga took back 12 purchases",
        "The card of Anna<b>",
    ):
        assert text in said, text
    assert "Anna<b>" not in page
    assert f'href="/admin/customers/{guest}"' in page
    for number in ids:
        assert (await owner.post(f"{HOME}/{number}/seen"))[0] == 200
    _, page, _ = await owner.get(HOME)
    assert "All quiet" in words(page)
    _, page, _ = await owner.get(f"{HOME}?all=1")
    assert words(page).count("Marina looked on") == 5
    assert (await _types(world)).count("anomaly.seen") == 5
    owner.headers["Accept-Language"] = "ru"
    _, page, _ = await owner.get(f"{HOME}?all=1")
    assert "12 покупок по одной карте" in words(page)
    assert (await owner.post(f"{HOME}/7/seen"))[0] == 404
    assert (await owner.get(f"{HOME}?before=x"))[0] == 200


async def test_stamps_by_hand_once_a_form(world: World, owner: Visitor) -> None:
    guest = await world.customer(name="Anna")
    path = f"/admin/customers/{guest}"
    _, page, _ = await owner.get(path)
    assert "○○○○" in page
    found = _KEY.search(page)
    assert found is not None
    form = {"key": found[1], "card": "coffee", "stamps": "6", "reason": "goodwill"}
    for _ in range(2):
        status, page, _ = await owner.send(f"{path}/stamps", list(form.items()))
        assert status == 200
    assert "●●○○" in page
    assert "1 full card so far" in words(page)
    assert "Free coffee good through" in words(page)
    standing = await world.db.read(lambda s: stamps.standings(s, customer_id=guest))
    assert (standing["coffee"].stamps, standing["coffee"].cards) == (2, 1)
    rows = await world.db.read(lambda s: s.execute(sa.select(event)).all())
    (granted,) = [row for row in rows if row.type == "stamps.granted"]
    assert granted.data == {"card": "coffee", "stamps": 6, "reason": "goodwill"}
    for wrong in (
        {"stamps": "0"}, {"stamps": "51"}, {"stamps": "many"}, {"card": "none"}, {"key": "x"},
    ):  # fmt: skip
        status, page, _ = await owner.send(
            f"{path}/stamps", list({**form, "key": "12", **wrong}.items())
        )
        assert (status, "Give 1 to 50 stamps" in words(page)) == (400, True), wrong
    assert (await owner.send(f"/admin/customers/{2**62}/stamps", list(form.items())))[0] == 404


async def test_a_level_by_hand(world: World, owner: Visitor) -> None:
    guest = await world.customer(name="Anna")
    await world.sell(guest, 250_000)
    path = f"/admin/customers/{guest}"
    _, page, _ = await owner.get(path)
    assert "₽7,500 to “Silver” · ₽2,500 in 12 months" in words(page)
    assert '<rect width="25"' in page
    status, page, _ = await owner.post(f"{path}/level", tier="gold", reason="partner")
    assert (status, "Level: Gold" in words(page)) == (200, True)
    assert "never below “Gold”" in words(page)
    rows = await world.db.read(lambda s: s.execute(sa.select(event)).all())
    (granted,) = [row for row in rows if row.type == "tier.granted"]
    assert granted.data == {"floor": "gold", "reason": "partner"}
    status, page, _ = await owner.post(f"{path}/level", tier="", reason="other")
    assert "never below" not in words(page).partition("Give a level by hand")[0]
    status, page, _ = await owner.post(f"{path}/level", tier="diamond", reason="other")
    assert (status, "no such level" in words(page)) == (404, True)
    floor = await world.db.read(
        lambda s: tiers.progress(s, customer_id=guest, now=clock.now(), time_zone="Europe/Moscow")
    )
    assert (floor.floor, floor.tier.key) == (None, "gold")


@pytest.mark.parametrize("role", ["marketer", "analyst"])
async def test_only_the_owner_gives_and_marks(world: World, visitor: Visitor, role: str) -> None:
    guest = await world.customer(name="Anna")
    number = await market.oddity(world, "card_sales", f"customer:{guest}", 12)
    await shop.hire(world, role)
    await visitor.sign_in(role)
    status, page, _ = await visitor.get(HOME)
    assert (status, "/seen" in page) == (200, False)
    status, page, _ = await visitor.get(f"/admin/customers/{guest}")
    assert (status, "Give stamps" in page, "Give a level" in page) == (200, False, False)
    assert ("Give a coupon" in page) == (role == "marketer")
    for path in (
        f"{HOME}/{number}/seen",
        f"/admin/customers/{guest}/stamps",
        f"/admin/customers/{guest}/level",
    ):
        assert (await visitor.post(path))[0] == 403, path
