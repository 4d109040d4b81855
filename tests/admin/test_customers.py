"""The list of customers and one customer's card."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from admin.words import Words
from loyalty import clock, promotions, sources
from loyalty.customers import card, card_code, external_id
from loyalty.events import event
from loyalty.messaging import template_names
from loyalty.promotions import Promotion
from loyalty.reports.card import Communication
from loyalty.texts import LANGUAGES, translator
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import World

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>'


async def _search(visitor: Visitor, text: str, **more: str) -> str:
    status, page, _ = await visitor.post("/admin/customers", q=text, **more)
    assert status == 200
    return unescape(page)


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    await shop.hire(world, "owner")
    await visitor.sign_in("owner")
    await visitor.get("/admin")
    return visitor


async def test_people_are_found_by_what_one_knows_of_them(world: World, owner: Visitor) -> None:
    anna = await world.customer(name="Анна Ковалёва", phone="+79123456789")
    await world.customer(name="Пётр 100% Скидкин", phone="+79990001122")
    nameless = await world.customer(status="anonymous")
    now = clock.now()

    def add(session: Session) -> None:
        card_id = session.scalar(sa.select(card.c.id).where(card.c.customer_id == anna))
        session.execute(
            sa.insert(card_code).values(
                code="12345678", card_id=card_id, nonce="n", issued_at=now,
                expires_at=now + timedelta(minutes=10),
            )
        )  # fmt: skip
        session.execute(
            sa.insert(external_id).values(system="crm", value="A-17", customer_id=nameless)
        )

    await world.db.transact(add)
    for text in ("анна", "АННА ковалёва", "Ковал", "456789", "8 (912) 345-67-89",
                 "+7 912 345 67 89", "12345678", str(anna)):  # fmt: skip
        page = await _search(owner, text)
        assert "Анна Ковалёва" in page, text
        assert "Скидкин" not in page, text
    assert "No. A-17" in await _search(owner, "A-17")
    assert "Скидкин" in await _search(owner, "100%")
    assert "Анна" not in await _search(owner, "100%")
    assert "Nobody found" in await _search(owner, "_____")
    assert "Nobody found" in await _search(owner, "анна петрова")
    for odd in ("'; DROP TABLE customer; --", "9" * 60, "\x00", "x" * 5000, "\\"):
        await _search(owner, odd)


async def test_the_list_goes_on_by_key(world: World, owner: Visitor) -> None:
    for number in range(65):
        await world.customer(name=f"Person {number:02d}")
    _, page, _ = await owner.get("/admin/customers")
    seen = []
    for _ in range(3):
        seen += [n for n in range(65) if f"Person {n:02d}" in page]
        before = page.partition('name="before" value="')[2].partition('"')[0]
        if before:
            page = await _search(owner, "", before=before)
    assert sorted(seen) == list(range(65))
    assert before == ""


async def test_names_are_escaped_everywhere(world: World, owner: Visitor) -> None:
    customer_id = await world.customer(name=HOSTILE, city=HOSTILE, tags=[HOSTILE], source=HOSTILE)
    await shop.talk(world, customer_id)
    for path in ("/admin/customers", f"/admin/customers/{customer_id}"):
        _, page, _ = await owner.get(path)
        assert HOSTILE not in page
        assert "&lt;script&gt;" in page
    _, page, _ = await owner.post("/admin/customers", q=HOSTILE)
    assert HOSTILE not in page


async def test_the_card_tells_everything(world: World, owner: Visitor) -> None:
    ids = await shop.fill(world, sales=24)
    _, page, _ = await owner.get(f"/admin/customers/{ids[0]}")
    page = unescape(page)
    balance = await world.balance(ids[0])
    for text in (
        "Анна Ковалёва", f'<p class="figure">{balance.available}</p>', "14 January", "Bronze",
        "₽640", "Spent on a purchase", "Earned with a purchase", "Капучино",
        "enough messages that week", "in the control group", "the customer has blocked the bot",
        "Advertising in Telegram", "withdrawn", "Text 1, Russian", "SHA-256", "connected",
    ):  # fmt: skip
        assert text in page, text
    assert "+79123450000" not in page

    _, page, _ = await owner.get(f"/admin/customers/{ids[-1]}")
    for text in ("No. 00004", "Not joined yet", "No purchases yet.", "No points yet."):
        assert text in page, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_of_ours_has_a_name(language: str) -> None:
    said = Words(translator(language))
    for name in template_names():
        item = Communication(
            at=NOW, message_class="service", source=None, step=None, decision="skipped",
            reason="chain_tells", template=name, text=None, state=None, state_reason=None,
            due_at=NOW,
        )  # fmt: skip
        assert "_" not in said.message(item), name
        assert said.message(item) != name


async def test_returns_stand_with_their_purchase(world: World, owner: Visitor) -> None:
    customer_id = await world.customer()
    sale = await world.sell(customer_id, 45_000)
    world.pass_time(days=2)
    await world.take_back(sale.purchase_id)
    _, page, _ = await owner.get(f"/admin/customers/{customer_id}")
    for text in ("returned ₽450", "22 points taken back", "Taken back after a return"):
        assert text in page, text


async def test_every_point_of_a_receipt_is_explained(world: World, owner: Visitor) -> None:
    customer_id = await world.customer()
    await world.sell(customer_id, 450_00)
    rules = {"name": {"ru": "Утро", "en": "Early bird"}, "effect": {"kind": "points", "points": 50}}

    def switch_on(session: Session) -> None:
        draft = promotions.save(
            session, None, Promotion.model_validate(rules), "staff:1", world.now
        )
        promotions.switch_on(session, draft.live.promotion_id, "staff:1", world.now)

    await world.db.transact(switch_on)
    await world.sell(customer_id, 200_00)
    _, page, _ = await owner.get(f"/admin/customers/{customer_id}")
    for text in ("+22: 5 %", "+10: 5 %", "+50: 50 Early bird"):
        assert text in unescape(page).replace("\u00a0", " "), text


async def test_long_histories_are_paged(world: World, owner: Visitor) -> None:
    customer_id = await world.customer()
    for number in range(23):
        world.pass_time(hours=1)
        await world.sell(customer_id, 10_000 + number * 100)
    address = f"/admin/customers/{customer_id}"
    _, page, _ = await owner.get(address)
    sums = []
    for _ in range(3):
        sums += [n for n in range(23) if f'<span class="strong">₽{100 + n}</span>' in page]
        more = page.partition(f'hx-get="{address}/purchases?before=')[2].partition('"')[0]
        if more:
            _, page, _ = await owner.get(f"{address}/purchases?before={more}")
    assert sorted(sums) == list(range(23))
    _, page, _ = await owner.get(address)
    more = page.partition(f'hx-get="{address}/points?before=')[2].partition('"')[0]
    _, page, _ = await owner.get(f"{address}/points?before={more}")
    assert page.count("Earned with a purchase") == 8
    for odd in ("x", "1-1-1", "9" * 30, "-", "99999999999999999-1"):
        assert (await owner.get(f"{address}/purchases?before={odd}"))[0] == 200
        assert (await owner.get(f"{address}/points?before={odd}"))[0] == 200


@pytest.mark.parametrize("number", ["1", "0", "abc", "9" * 19, "9" * 40, "-5", "١"])
async def test_an_unknown_customer_is_404(world: World, owner: Visitor, number: str) -> None:
    status, page, _ = await owner.get(f"/admin/customers/{number}")
    assert status == 404
    assert "There is no such customer." in page


async def test_a_phone_is_shown_on_request_and_noted(world: World, owner: Visitor) -> None:
    customer_id = await world.customer(name="Анна", phone="+79123456789")
    _, page, _ = await owner.get("/admin/customers")
    assert "3456" not in page
    address = f"/admin/customers/{customer_id}"
    await owner.get(address)
    status, page, _ = await owner.post(f"{address}/phone", headers={"HX-Request": "true"})
    assert status == 200
    assert "+7 912 345-67-89" in page
    rows = await world.db.read(
        lambda s: s.execute(sa.select(event).where(event.c.type == "staff.phone_seen")).all()
    )
    assert [(row.customer_id, row.data) for row in rows] == [(customer_id, {})]


async def test_an_analyst_never_sees_phones(world: World, visitor: Visitor) -> None:
    await shop.hire(world, "analyst")
    await visitor.sign_in("analyst")
    customer_id = await world.customer(name="Анна", phone="+79123456789", email="a@b.example")
    address = f"/admin/customers/{customer_id}"
    for path in ("/admin/customers", address):
        _, page, _ = await visitor.get(path)
        assert "Анна" in page
        assert "+7" not in page
        assert "a@b.example" not in page
    assert (await visitor.post(f"{address}/phone"))[0] == 403
    # Nor can they guess one digit by digit through the search.
    assert "Nobody found" in await _search(visitor, "9123456789")
    assert "Анна" in await _search(visitor, "анна")


async def test_the_card_says_in_words_where_somebody_came_from(
    world: World, owner: Visitor
) -> None:
    guest = await world.customer(name="Anna", source="poster")
    _, page, _ = await owner.get(f"/admin/customers/{guest}")
    assert "<dd>poster</dd>" in page
    await world.db.transact(
        lambda s: sources.save(
            s, key="poster", name="The window", cost=0, actor="staff:1", now=clock.now()
        )
    )
    _, page, _ = await owner.get(f"/admin/customers/{guest}")
    assert "<dd>The window</dd>" in page
    for source, said in (("till", "From the till"), ("referral:5", "From a friend")):
        other = await world.customer(source=source)
        _, page, _ = await owner.get(f"/admin/customers/{other}")
        assert said in page
        assert f"<dd>{source}</dd>" not in page
