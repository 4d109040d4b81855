"""The panel's staff page: which outlets a cashier may sell at."""

from __future__ import annotations

import re

from loyalty import staff
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import World


async def test_outlets_are_ticked_and_a_cashier_keeps_one(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    await visitor.get("/admin/staff")

    def unit(session):
        place = staff.add_outlet(session, name="Arbat", time_zone="Europe/Moscow", now=world.now)
        anna = staff.add(
            session,
            name="Anna <b>",
            role="cashier",
            outlet_id=world.outlet_id,
            now=world.now,
            actor="system",
        )
        return place.id, anna.id

    arbat, anna = await world.db.transact(unit)

    async def ticked() -> dict[int, bool]:
        page = (await visitor.get("/admin/staff"))[1]
        form = page.partition(f"/admin/staff/{anna}/outlets")[2].partition("</form>")[0]
        boxes = re.findall(r'name="outlet" value="(\d+)"( checked)?', form)
        return {int(value): bool(checked) for value, checked in boxes}

    assert await ticked() == {world.outlet_id: True, arbat: False}
    path = f"/admin/staff/{anna}/outlets"
    assert (await visitor.post(path, outlet=str(arbat)))[0] == 200
    assert await ticked() == {world.outlet_id: False, arbat: True}
    person = await world.db.read(lambda s: staff.get(s, anna))
    assert person.outlet_name == "Arbat", "who stood elsewhere stands here now"
    for wrong, status in (({}, 400), ({"outlet": "x"}, 400), ({"outlet": "12"}, 404)):
        found, page, _ = await visitor.post(path, **wrong)
        assert found == status
        assert 'role="alert"' in page
    assert await ticked() == {world.outlet_id: False, arbat: True}


async def test_only_the_owner_ticks(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "marketer")
    await visitor.sign_in("marketer")
    await visitor.get("/admin")
    assert (await visitor.post("/admin/staff/1/outlets", outlet="1"))[0] == 403
