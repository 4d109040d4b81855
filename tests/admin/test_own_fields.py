"""Guests' own fields in the panel: made, named, written on a card, cleared; who may; what is
noted, and what goes with an erasure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from loyalty import chains, clock, customers, privacy
from loyalty.chains import drafts
from loyalty.customers import customer
from loyalty.events import event
from tests.admin import shop
from tests.admin.conftest import KEYS
from tests.admin.forms import changed, fields, words
from tests.admin.shop import Visitor
from tests.world import ZONE, World

HOME = "/admin/customers/fields"


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    return visitor


async def kept(world: World, customer_id: int) -> Any:
    """What stands in the guest's own fields."""
    query = sa.select(customer.c.fields).where(customer.c.id == customer_id)
    return await world.db.read(lambda s: s.execute(query).scalar_one())


async def noted(world: World, customer_id: int | None) -> list[tuple[str, dict[str, Any], str]]:
    """Audit events about own fields, oldest first."""
    kinds = event.c.type.in_(["field.defined", "customer.field_set", "customer.field_cleared"])
    query = sa.select(event.c.type, event.c.data, event.c.actor).where(
        kinds, event.c.customer_id == customer_id
    )
    rows = await world.db.read(lambda s: s.execute(query.order_by(event.c.id)).all())
    return [(row.type, row.data, row.actor.partition(":")[0]) for row in rows]


async def test_a_date_is_written_changed_and_cleared_on_the_card(
    world: World, owner: Visitor
) -> None:
    anna = await world.customer(name="Анна")
    here = f"/admin/customers/{anna}"
    _, page, _ = await owner.get(here)
    assert "Renewal date –" in words(page)
    assert 'type="date" name="value" value=""' in page
    status, page, answer = await owner.post(
        f"{here}/fields", key="renewal", value="2027-05-31", do="set"
    )
    assert (status, answer.url.path) == (200, here)
    assert "31 May 2027" in words(page)
    assert ("value", "2027-05-31") in fields(page, "own-renewal")
    await owner.post(f"{here}/fields", key="renewal", value="2027-06-30")
    assert await kept(world, anna) == {"renewal": "2027-06-30"}
    await owner.post(f"{here}/fields", key="renewal", value="2027-06-30")
    await owner.post(f"{here}/fields", key="renewal", value="2027-06-30", do="clear")
    assert await kept(world, anna) is None
    named = {"field": "renewal"}
    assert await noted(world, anna) == [
        ("customer.field_set", named, "staff"),
        ("customer.field_set", named, "staff"),
        ("customer.field_cleared", named, "staff"),
    ], "what was written is nobody's business in the audit, and the same again is no change"


async def test_fields_of_every_kind_are_added_and_named(world: World, owner: Visitor) -> None:
    _, page, _ = await owner.get(HOME)
    assert "Renewal date renewal A date" in words(page)
    for form in (
        {"label": "Машина <b>", "kind": "text"},
        {"label": "Размер", "kind": "choice", "choices": "S\r\nM\r\n\r\nM", "key": "Size"},
        {"label": "Дети", "kind": "number", "key": "kids"},
    ):
        status, page, _ = await owner.send(HOME, [*form.items()])
        assert status == 200
    assert "<b>" not in page.partition("<main")[2]
    known = await world.db.read(customers.own_fields)
    assert [(one.key, one.kind, one.label, one.choices) for one in known.values()][1:] == [
        ("mashina_b", "text", "Машина <b>", ()),
        ("size", "choice", "Размер", ("S", "M")),
        ("kids", "number", "Дети", ()),
    ]
    await owner.post(f"{HOME}/size", label="Размер одежды", choices="S\nM\nXL")
    await owner.post(f"{HOME}/renewal", label="Страховка")
    known = await world.db.read(customers.own_fields)
    assert (known["size"].label, known["size"].choices) == ("Размер одежды", ("S", "M", "XL"))
    assert (known["renewal"].label, known["renewal"].kind) == ("Страховка", "date")
    assert [kind for kind, _, _ in await noted(world, None)] == ["field.defined"] * 5
    anna = await world.customer()
    here = f"/admin/customers/{anna}"
    for key, value in (("size", "xl"), ("kids", "0"), ("mashina_b", "Lada <i>")):
        await owner.post(f"{here}/fields", key=key, value=value)
    assert await kept(world, anna) == {"size": "XL", "kids": 0, "mashina_b": "Lada <i>"}
    _, page, _ = await owner.get(here)
    assert '<option value="XL" selected>' in page
    assert "<i>" not in page
    assert "Дети 0" in words(page)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"label": "x" * 61, "key": "x"}, "a name of up to 60"),
        ({"label": " ", "key": "x"}, "a name of up to 60"),
        ({"label": "x", "key": "ключ"}, "small Latin letters"),
        ({"label": "x", "key": "renewal"}, "There is a field “renewal” already."),
        ({"label": "x", "kind": "colour"}, "Choose what the field holds"),
        ({"label": "x", "kind": "choice", "choices": " \n"}, "1 to 50 lines"),
    ],
)
async def test_a_field_that_cannot_be_is_told_with_what_was_typed(
    world: World, owner: Visitor, form: dict[str, str], said: str
) -> None:
    await owner.get(HOME)
    status, page, _ = await owner.send(HOME, [*{"kind": "date", **form}.items()])
    assert (status, said in words(page)) == (400, True)
    assert ("label", form["label"]) in fields(page, "new-field")
    assert await noted(world, None) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("renewal", "soon", "holds a date: choose a day"),
        ("renewal", "2027-02-30", "holds a date: choose a day"),
        ("unknown", "1", "There is no such field."),
    ],
)
async def test_what_does_not_fit_is_told_on_the_card(
    world: World, owner: Visitor, key: str, value: str, said: str
) -> None:
    anna = await world.customer()
    await owner.get(f"/admin/customers/{anna}")
    status, page, _ = await owner.post(f"/admin/customers/{anna}/fields", key=key, value=value)
    assert (status, said in words(page)) == (400, True)
    assert await kept(world, anna) is None
    owner.headers["Accept-Language"] = "ru"
    await owner.post("/admin/language", language="ru", next="/admin")
    _, page, _ = await owner.post(f"/admin/customers/{anna}/fields", key="renewal", value="x")
    assert "Дата продления» стоит дата: выберите день" in words(page)


async def test_who_may(world: World, visitor: Visitor) -> None:
    anna = await world.customer(name="Анна", fields={"renewal": "2027-05-31"})
    here = f"/admin/customers/{anna}"
    for role, may in (("marketer", True), ("analyst", False)):
        await shop.hire(world, role)
        await visitor.sign_in(role)
        _, page, _ = await visitor.get(here)
        assert ("31 May 2027" in words(page)) is may
        status, _, _ = await visitor.get(HOME)
        assert status == (200 if may else 403)
        await visitor.get(here)
        status, _, _ = await visitor.post(f"{here}/fields", key="renewal", value="2028-01-01")
        assert status == (200 if may else 403)
    status, _, _ = await visitor.post(f"{here}/fields", csrf="", key="renewal", do="clear")
    assert status == 403
    assert await kept(world, anna) == {"renewal": "2028-01-01"}


async def test_they_are_in_the_guests_file_and_go_with_an_erasure(
    world: World, owner: Visitor
) -> None:
    anna = await world.customer(chat=801, fields={"renewal": "2027-05-31", "car": "Lada"})
    document = await world.db.read(
        lambda s: privacy.export(s, customer_id=anna, currency="RUB", now=clock.now())
    )
    assert document["profile"]["fields"] == {"renewal": "2027-05-31", "car": "Lada"}
    here = f"/admin/customers/{anna}"
    _, page, _ = await owner.get(here)
    assert "Lada" in words(page), "a value that nobody has defined a field for is shown too"
    now = clock.now() + timedelta(days=1)
    await world.db.transact(
        lambda s: privacy.erase(
            s, customer_id=anna, keys=KEYS, actor="staff:1", time_zone=ZONE, now=now
        )
    )
    assert await kept(world, anna) is None
    _, page, _ = await owner.get(here)
    assert 'id="own"' not in page
    status, _, _ = await owner.post(f"{here}/fields", key="renewal", value="2027-05-31")
    assert status == 404
    assert await kept(world, anna) is None


async def test_a_chain_says_when_nobody_has_its_date(world: World, owner: Visitor) -> None:
    said = "Nobody has a date yet: import it or write it on a guest's card."
    await world.db.transact(lambda s: chains.ensure_shipped(s, now=world.now))
    for where in ("/admin/chains", "/admin/chains/renewal"):
        assert said in words((await owner.get(where))[1])
    anna = await world.customer(fields={"renewal": "as soon as can be"})
    assert said in words((await owner.get("/admin/chains/renewal"))[1])
    await owner.post(f"/admin/customers/{anna}/fields", key="renewal", value="2027-05-31")
    for where in ("/admin/chains", "/admin/chains/renewal"):
        assert said not in words((await owner.get(where))[1])


async def test_a_chain_can_start_by_any_date_there_is(world: World, owner: Visitor) -> None:
    await world.db.transact(lambda s: chains.ensure_shipped(s, now=world.now))
    await owner.get(HOME)
    await owner.post(HOME, label="Гарантия", kind="date", key="warranty")
    await owner.post(HOME, label="Машина", kind="text", key="car")
    status, page, _ = await owner.get("/admin/chains/renewal/edit/part/trigger")
    offered = page.partition('id="own-dates"')[2].partition("</datalist>")[0]
    assert (status, "Гарантия" in offered, "Машина" in offered) == (200, True, False)
    here = "/admin/chains/renewal/edit/part/trigger"
    await owner.send(here, changed(fields(page, "rules-form"), field=" Warranty "))
    draft = await world.db.read(lambda s: drafts.find(s, key="renewal"))
    assert draft.draft is not None
    assert draft.draft["trigger"]["field"] == "field:warranty"
