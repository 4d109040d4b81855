"""Goods in the panel: kept, paired, brought by file, their pace; who may; on a phone."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import sqlalchemy as sa
import xlsxwriter

from admin import RunningAdmin
from loyalty import clock, goods
from loyalty.events import event
from loyalty.goods import Product
from tests.admin import shop
from tests.admin.forms import words
from tests.admin.shop import Visitor
from tests.loyalty.goods.shelf import buy
from tests.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

HOME = "/admin/goods"
WIDER = "document.documentElement.scrollWidth - window.innerWidth"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in."""
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    return visitor


async def noted(world: World) -> list[str]:
    query = sa.select(event.c.type).where(event.c.type.like("goods.%")).order_by(event.c.id)
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


async def listed(world: World) -> list[Product]:
    return await world.db.read(lambda s: goods.listing(s))


async def send(owner: Visitor, path: str, files: dict[str, tuple[str, bytes]], **form: str) -> Any:
    """A form with files; the page that comes."""
    data = aiohttp.FormData({**form, "csrf": owner.csrf})
    for name, (file_name, content) in files.items():
        data.add_field(name, content, filename=file_name)
    async with owner.session.post(
        owner.server.address + path,
        data=data,
        headers={**owner.headers, "Origin": owner.server.address},
    ) as answer:
        return answer.status, await answer.text()


async def test_added_changed_and_put_away(world: World, owner: Visitor) -> None:
    _, page, _ = await owner.get(HOME)
    assert "Nothing here yet" in words(page)
    form = {"name": "Beans <Morning>", "category": "Beans", "price": "890,50"}
    link = "https://shop.example/b"
    status, page = await send(
        owner, f"{HOME}/one", {"picture": ("b.png", PNG)}, sku="B/1 ?", link=link, **form
    )
    assert status == 200
    assert "<Morning>" not in page
    one = (await listed(world))[0]
    assert (one.sku, one.name, one.price, one.link) == ("B/1 ?", "Beans <Morning>", 890_50, link)
    status, _, answer = await owner.get(f"/admin/media/{one.picture}")
    assert (status, answer.content_type) == (200, "image/png")
    _, page, _ = await owner.get(f"{HOME}?q=MORNING")
    assert "₽890.50" in words(page)
    # Saved again without a file the picture stays; a tick takes it off.
    path = f"{HOME}/one?sku=B%2F1%20%3F"
    await owner.post(path, name="Beans", category="", price="", link="")
    one = (await listed(world))[0]
    assert (one.name, one.price, one.picture is not None) == ("Beans", None, True)
    await owner.post(path, name="Beans", no_picture="1")
    assert (await listed(world))[0].picture is None
    await owner.post(f"{HOME}/archive?sku=B%2F1%20%3F", away="1")
    assert await listed(world) == []
    _, page, _ = await owner.get(f"{HOME}?archived=1")
    assert "Beans" in words(page)
    assert await noted(world) == ["goods.saved"] * 3 + ["goods.archived"]


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"sku": "", "name": "X"}, "Number: Fill this in."),
        ({"sku": "1", "name": " "}, "Name: Fill this in."),
        ({"sku": "1", "name": "X", "link": "javascript:x"}, "Link: A link begins with https://"),
        ({"sku": "1", "name": "X", "category": "y" * 65}, "Too long: at most 64 characters."),
        ({"sku": "1", "name": "X", "price": "cheap"}, ""),
    ],
)
async def test_what_is_wrong_is_told_beside_what_was_typed(
    world: World, owner: Visitor, form: dict[str, str], problem: str
) -> None:
    status, page, _ = await owner.post(f"{HOME}/one", **form)
    assert status == 400
    assert problem in words(page)
    assert 'role="alert"' in page
    assert f'value="{form["name"].strip()}"' in page
    status, page = await send(
        owner, f"{HOME}/one", {"picture": ("x.png", b"no picture")}, sku="1", name="X"
    )
    assert status == 400
    assert await listed(world) == []


async def test_what_was_sold_is_taken_over_and_paired(world: World, owner: Visitor) -> None:
    world.now = clock.now() - timedelta(days=3)
    for _ in range(2):
        await buy(world, None, "cap", "cro")
    _, page, _ = await owner.get(HOME)
    assert "Капучино" in words(page)
    _, page, _ = await owner.get(f"{HOME}/one?sku=cap")
    assert 'value="Капучино"' in page
    assert 'value="Кофе"' in page
    await owner.post(f"{HOME}/one", sku="cap", name="Cappuccino", category="Coffee")
    status, page, _ = await owner.post(f"{HOME}/pairs?sku=cap", others="cro\r\n\r\n")
    assert status == 200
    assert "your choice" in words(page)
    for others, problem in (("cap", "themselves"), ("nothing", "the number nothing")):
        status, page, _ = await owner.post(f"{HOME}/pairs?sku=cap", others=others)
        assert status == 400
        assert problem in words(page)
    found = await world.db.read(lambda s: goods.goes_with(s, ["cap"]))
    assert found["cap"].name == "Круассан"
    status, _, _ = await owner.post(f"{HOME}/pairs?sku=none", others="cap")
    assert status == 404
    assert await noted(world) == ["goods.saved", "goods.pairs_set"]


async def test_a_file_of_goods(world: World, owner: Visitor) -> None:
    table = (
        "Артикул;Наименование;Категория;Цена;Ссылка\n"
        "B1;Зерно;Зерно;1 290,50;https://shop.example/b1\n"
        ";Без номера;;;\n"
        "B2;Фильтры;;дорого;\n"
        "B3;Чашка;Посуда;;shop\n"
        "B4;Ложка;;-5;\n"
    ).encode("cp1251")
    status, page = await send(owner, f"{HOME}/import", {"file": ("goods.csv", table)})
    said = words(page)
    assert status == 200
    assert "new or changed: 1, as before: 0, not taken: 4" in said
    assert "line 3: sku is empty" in said
    assert "line 4: “дорого” is not an amount of money" in said
    assert "line 5: “shop” is not a link" in said
    assert "line 6" in said
    assert [(one.sku, one.price) for one in await listed(world)] == [("B1", 1290_50)]
    _, page = await send(owner, f"{HOME}/import", {"file": ("goods.csv", table)})
    assert "new or changed: 0, as before: 1" in words(page)

    sheet = io.BytesIO()
    book = xlsxwriter.Workbook(sheet)
    first = book.add_worksheet()
    for row, cells in enumerate([["sku", "name", "price"], ["B1", "Beans", 1300], [7, "Cup", 2]]):
        first.write_row(row, 0, cells)
    book.close()
    status, page = await send(owner, f"{HOME}/import", {"file": ("g.xlsx", sheet.getvalue())})
    assert "new or changed: 2" in words(page)
    kept = {one.sku: one for one in await listed(world)}
    # What the file does not tell stays.
    assert (kept["B1"].name, kept["B1"].category, kept["B1"].price) == ("Beans", "Зерно", 1300_00)
    assert kept["7"].price == 2_00


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"a;b\n1;2\n", "The first row names the columns"),
        (b"PK\x03\x04 broken", "is damaged"),
        (b"\0\0\0\1", "not a table"),
        (b"sku,name\n", "no rows"),
    ],
)
async def test_files_that_are_none(
    world: World, owner: Visitor, content: bytes, problem: str
) -> None:
    status, page = await send(owner, f"{HOME}/import", {"file": ("bad <f>.csv", content)})
    assert status == 400
    assert problem in words(page)
    assert "/tmp" not in page
    assert await listed(world) == []


async def test_how_long_a_category_lasts(world: World, owner: Visitor) -> None:
    start = clock.now() - timedelta(days=200)
    for _ in range(3):
        person = await world.customer()
        for visit in range(5):
            world.now = start + timedelta(days=30 * visit)
            await buy(world, person, "oil")
    _, page, _ = await owner.get(f"{HOME}/pace")
    assert "receipts say: 30 days (12 repeats)" in words(page)
    await owner.post(f"{HOME}/pace", category="Масло", days="28")
    assert await world.db.read(goods.paces) == {"Масло": 28}
    for days in ("0", "four", "99999"):
        status, _, _ = await owner.post(f"{HOME}/pace", category="Масло", days=days)
        assert status == 400
    await owner.post(f"{HOME}/pace", category="Масло", days="")
    assert await world.db.read(goods.paces) == {}
    assert await noted(world) == ["goods.pace_set", "goods.pace_set"]


async def test_an_analyst_reads(world: World, visitor: Visitor) -> None:
    await world.db.transact(
        lambda s: goods.put(
            s, Product(sku="1", name="Cup", category="Ware"), actor="staff:1", now=clock.now()
        )
    )
    await shop.hire(world, "analyst", name="Vera")
    await visitor.sign_in("analyst")
    for path in (HOME, f"{HOME}/one?sku=1", f"{HOME}/pace"):
        status, page, _ = await visitor.get(path)
        assert status == 200
        assert '<button class="primary"' not in page
    status, _, _ = await visitor.get(f"{HOME}/one?sku=none")
    assert status == 404
    for path in ("one", "pairs?sku=1", "archive?sku=1", "pace", "import"):
        status, _, _ = await visitor.post(f"{HOME}/{path}", sku="1", name="X")
        assert status == 403, path
    assert await noted(world) == ["goods.saved"]


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_a_phone_nothing_sticks_out(
    world: World, panel: RunningAdmin, chromium: Browser
) -> None:
    await shop.stamp(world)
    await shop.hire(world, "owner", name="Marina")
    world.now = clock.now() - timedelta(days=1)
    await buy(world, None, "cap", "oil")
    long = "Зерно «Эфиопия Иргачеффе» натуральной обработки, 1000 граммов, " * 2
    await world.db.transact(
        lambda s: goods.put(
            s,
            Product(sku="B" * 60, name=long, category="Оченьдлиннаякатегория" * 3, price=99_999_00),
            actor="staff:1",
            now=clock.now(),
        )
    )
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, locale="ru")
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(f"{panel.address}/admin")
    await page.click("form[action='/admin/demo'] button")
    for path in (HOME, f"{HOME}/one?sku={'B' * 60}", f"{HOME}/one", f"{HOME}/pace"):
        await page.goto(panel.address + path)
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate(WIDER) <= 0, path
    assert faults == []
    await context.close()
