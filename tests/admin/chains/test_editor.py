"""The editor: every change kept in a draft, problems in words, publishing, two editors."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from loyalty.chains import drafts
from loyalty.events import event
from loyalty.messaging.tables import media
from tests.admin import shop
from tests.admin.forms import Fields, changed, words
from tests.admin.forms import fields as inputs
from tests.admin.shop import Visitor
from tests.world import World

HOME = "/admin/chains"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360"
    "00000000020001e221bc330000000049454e44ae426082"
)


_AREA = re.compile(r'<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>', re.DOTALL)


def fields(page: str, form_id: str) -> Fields:
    """What the form would send as it stands, texts of many lines too."""
    form = page.partition(f'id="{form_id}"')[2].partition("</form>")[0]
    return [*inputs(page, form_id), *((name, unescape(said)) for name, said in _AREA.findall(form))]


async def _one(world: World, key: str) -> drafts.Edited:
    return await world.db.read(lambda s: drafts.find(s, key=key))


async def _draft(world: World, key: str) -> dict[str, Any]:
    found = (await _one(world, key)).draft
    assert found is not None
    return found


async def _types(world: World) -> list[str]:
    query = sa.select(event.c.type).where(event.c.type.like("chain.%")).order_by(event.c.id)
    return list(await world.db.read(lambda s: s.execute(query).scalars().all()))


@pytest.fixture
async def key(marketer: Visitor) -> str:
    """An empty chain of the marketer's own, open in the editor."""
    await marketer.get(f"{HOME}/new")
    names = {"title.ru": "Новинки", "title.en": "News"}
    status, _, answer = await marketer.post(f"{HOME}/new", **names, **{"from": "empty"})
    assert status == 200
    found = re.fullmatch(rf"{HOME}/(own_\w+)/edit", answer.url.path)
    assert found
    return found[1]


async def _add(marketer: Visitor, key: str, kind: str) -> tuple[str, Fields]:
    """Add a step: its address and its form as it stands."""
    await marketer.get(f"{HOME}/{key}/edit")
    _, page, answer = await marketer.post(f"{HOME}/{key}/edit/steps", do=f"add:{kind}")
    return answer.url.path, fields(page, "rules-form")


async def test_a_name_is_needed_in_both_languages(world: World, marketer: Visitor) -> None:
    await marketer.get(f"{HOME}/new")
    form = {"title.ru": "Новинки", "title.en": "", "from": "preset:birthday"}
    status, page, _ = await marketer.post(f"{HOME}/new", **form)
    assert status == 400
    assert 'value="Новинки"' in page
    assert 'value="preset:birthday" selected' in page
    status, _, _ = await marketer.post(f"{HOME}/new", **{**form, "title.en": "x", "from": "bomb"})
    assert status == 400
    assert await _types(world) == []


async def test_from_a_preset_and_from_a_copy(world: World, marketer: Visitor) -> None:
    await marketer.get(f"{HOME}/new")
    names = {"title.ru": "Моя", "title.en": "Mine"}
    _, page, answer = await marketer.post(f"{HOME}/new", **names, **{"from": "preset:welcome"})
    first = answer.url.parts[3]
    assert "Mine" in words(page)
    assert (await _draft(world, first))["steps"][0]["id"] == "hello"
    assert (await _draft(world, first))["urgency"] == "welcome"
    _, page, answer = await marketer.post(f"{HOME}/new", **names, **{"from": f"copy:{first}"})
    second = answer.url.parts[3]
    assert second != first
    assert (await _draft(world, second))["steps"] == (await _draft(world, first))["steps"]
    assert not (await _one(world, second)).enabled
    assert await _types(world) == ["chain.created", "chain.created"]


async def test_from_nothing_to_running(world: World, marketer: Visitor, key: str) -> None:
    _, page, _ = await marketer.get(f"{HOME}/{key}/edit")
    assert "1 thing to finish before it can be published." in words(page)
    where, form = await _add(marketer, key, "wait")
    await marketer.send(where, changed(form, days="2", since="start", do="save"))
    where, form = await _add(marketer, key, "message")
    texts = {"texts__ru": "Привет, {name|друг}!\nЖдём вас", "texts__en": "Hello, {name|friend}!"}
    _, page, _ = await marketer.send(where, changed(form, do="add:buttons", **texts))
    form = changed(
        fields(page, "rules-form"), buttons__0__texts__ru="Карта", buttons__0__texts__en="Card",
        buttons__0__opens="card", do="save", **texts,
    )  # fmt: skip
    status, page, answer = await marketer.send(where, form)
    assert (status, answer.url.path) == (200, f"{HOME}/{key}/edit")
    assert "finish before it can be published" not in words(page)
    document = await _draft(world, key)
    assert [step["kind"] for step in document["steps"]] == ["wait", "message"]
    said = document["steps"][1]
    assert said["texts"]["ru"] == "Привет, {name|друг}!\nЖдём вас"
    assert said["buttons"] == [
        [{"texts": {"ru": "Карта", "en": "Card"}, "data": "card", "url": None}]
    ]
    status, page, answer = await marketer.post(f"{HOME}/{key}/edit/finish", do="publish_on")
    assert answer.url.path == f"{HOME}/{key}"
    one = await _one(world, key)
    assert (one.enabled, one.version, one.draft) == (True, 1, None)
    assert "2 days after the beginning" in words(page)
    assert await _types(world) == ["chain.created", "chain.published", "chain.switched_on"]


async def test_steps_move_and_go(world: World, marketer: Visitor, key: str) -> None:
    for kind in ("tag", "wait", "task"):
        await _add(marketer, key, kind)
    ids = [step["id"] for step in (await _draft(world, key))["steps"]]
    await marketer.get(f"{HOME}/{key}/edit")
    address = f"{HOME}/{key}/edit/steps"
    await marketer.post(address, do=f"up:{ids[2]}")
    await marketer.post(address, do=f"down:{ids[0]}")
    now = [step["id"] for step in (await _draft(world, key))["steps"]]
    assert now == [ids[2], ids[0], ids[1]]
    await marketer.post(address, do=f"remove:{ids[0]}")
    await marketer.post(address, do="up:nobody")
    assert [s["id"] for s in (await _draft(world, key))["steps"]] == [ids[2], ids[1]]
    await marketer.post(address, do="add:wait_hour", after=ids[2])
    kinds = [step["kind"] for step in (await _draft(world, key))["steps"]]
    assert kinds == ["task", "wait_hour", "wait"]
    assert (await marketer.post(address, do="explode"))[0] == 400


async def test_what_cannot_be_read_stays_as_typed(
    world: World, marketer: Visitor, key: str
) -> None:
    where, form = await _add(marketer, key, "wait")
    status, page, _ = await marketer.send(where, changed(form, days="soon", do="save"))
    assert status == 400
    assert 'value="soon"' in page
    assert "A whole number, like 30." in words(page)
    assert (await _draft(world, key))["steps"][0]["days"] == 1
    status, page, _ = await marketer.send(where, changed(form, hours="77", do="save"))
    assert status == 400
    assert "At most 23." in words(page)


async def test_an_unfinished_message_is_kept_and_its_faults_are_told(
    world: World, marketer: Visitor, key: str
) -> None:
    where, form = await _add(marketer, key, "message")
    await marketer.send(where, changed(form, texts__ru="Привет, {nme}", do="save"))
    assert (await _draft(world, key))["steps"][0]["texts"] == {"ru": "Привет, {nme}"}
    _, page, _ = await marketer.get(where)
    assert "There is no variable “nme”." in words(page)
    assert "The English text is missing." in words(page)
    status, page, _ = await marketer.post(f"{HOME}/{key}/edit/finish", do="publish")
    assert status == 409
    assert "It cannot be published yet." in words(page)
    assert (await _one(world, key)).version is None
    marketer.headers["Accept-Language"] = "ru"
    _, page, _ = await marketer.get(f"{HOME}/{key}/edit")
    assert "Подстановки «nme» нет." in words(page)
    assert (await marketer.post(f"{HOME}/{key}/on"))[0] == 409


async def test_the_preview_shows_and_keeps(world: World, marketer: Visitor, key: str) -> None:
    where, form = await _add(marketer, key, "message")
    typed = changed(form, texts__en="<b>Hi {name|friend}</b><script>", texts__ru="Да")
    status, page, _ = await marketer.send(f"{where}/preview", typed)
    assert status == 200
    assert '<b>Hi <span class="example">Anna</span></b>' in page
    assert "<script>" not in page
    assert "Kept in the draft" in page
    assert (await _draft(world, key))["steps"][0]["texts"]["ru"] == "Да"
    bad = changed(typed, lifetime_hours="x", texts__ru="Нет")
    _, page, _ = await marketer.send(f"{where}/preview", bad)
    assert "it will be kept once it is" in page
    assert (await _draft(world, key))["steps"][0]["texts"]["ru"] == "Да"


async def test_variants_words_for_some_and_a_picture(
    world: World, marketer: Visitor, key: str
) -> None:
    where, form = await _add(marketer, key, "message")
    both = {"texts__ru": "Да", "texts__en": "Yes"}
    _, page, _ = await marketer.send(where, changed(form, do="add:variants", **both))
    _, page, _ = await marketer.send(
        where, changed(fields(page, "rules-form"), do="add:for_segments", **both)
    )
    form = changed(
        fields(page, "rules-form"), variants__0__texts__ru="Б", variants__0__texts__en="B",
        variants__0__share="25", for_segments__0__texts__ru="ВИП",
        for_segments__0__texts__en="VIP", do="save", **both,
    )  # fmt: skip
    data = aiohttp.FormData(quote_fields=False)
    for name, value in [*form, ("csrf", marketer.csrf)]:
        if name not in ("upload", "csrf") or value:
            data.add_field(name, value)
    data.add_field("upload", PNG, filename="cup.png", content_type="image/png")
    origin = {"Origin": marketer.server.address}
    async with marketer.session.post(
        marketer.server.address + where, data=data, headers=origin
    ) as a:
        assert (a.status, a.url.path) == (200, f"{HOME}/{key}/edit")
    step = (await _draft(world, key))["steps"][0]
    assert (step["variants"][0]["key"], step["variants"][0]["share_bp"]) == ("b", 2500)
    assert step["for_segments"][0]["rule"] == {"segment": "vip"}
    picture = await world.db.read(lambda s: s.execute(sa.select(media.c.id)).scalar_one())
    assert step["picture"] == step["variants"][0]["picture"] == picture
    status, _, answer = await marketer.get(f"/admin/media/{picture}")
    assert (status, answer.content_type) == (200, "image/png")
    assert (await marketer.get("/admin/media/1"))[0] == 404
    _, page, _ = await marketer.get(where)
    await marketer.send(where, changed(fields(page, "rules-form"), do="nopicture"))
    assert (await _draft(world, key))["steps"][0]["picture"] is None


async def test_every_part_has_its_form(world: World, marketer: Visitor, key: str) -> None:
    async def save(part: str, **values: Any) -> tuple[int, str]:
        address = f"{HOME}/{key}/edit/part/{part}"
        _, page, _ = await marketer.get(address)
        form = changed(fields(page, "rules-form"), do="save", **values)
        status, page, _ = await marketer.send(address, form)
        return status, page

    await save("title", title__ru="Сезон", about__ru="Зима")
    await save("exits", tests=["bought_since_start", "points_spent"])
    await save("again", again="days", control="own")
    address = f"{HOME}/{key}/edit/part/again"
    _, page, _ = await marketer.get(address)
    form = changed(fields(page, "rules-form"), again="days", control="own", do="show")
    _, page, _ = await marketer.send(address, form)
    status, page, _ = await marketer.send(
        address, changed(fields(page, "rules-form"), days="30", share="90", do="save")
    )
    assert (status, "At most 50 %." in words(page)) == (400, True)
    await marketer.send(
        address, changed(fields(page, "rules-form"), days="30", share="7,5", do="save")
    )
    await save("trigger", start="silence")
    status, page = await save("trigger", days="45")
    document = await _draft(world, key)
    assert document["title"] == {"ru": "Сезон", "en": "News"}
    assert document["exits"] == ["bought_since_start", "points_spent"]
    assert (document["re_entry"]["days"], document["holdout_bp"]) == (30, 750)
    assert document["trigger"] == {"kind": "silence", "days": 45}
    assert "45 days after the last purchase" in words(page)


async def test_a_rule_is_built_row_by_row(world: World, marketer: Visitor, key: str) -> None:
    where, form = await _add(marketer, key, "condition")
    _, page, _ = await marketer.send(where, changed(form, by="rule", do="show"))
    for row in (0, 1):
        _, page, _ = await marketer.send(where, changed(fields(page, "rules-form"), do="add:rule"))
        what = {f"rule__{row}__what": "f:orders" if row else "f:city"}
        _, page, _ = await marketer.send(
            where, changed(fields(page, "rules-form"), do="show", **what)
        )
    form = changed(
        fields(page, "rules-form"), rule__join="any", rule__0__op="in",
        rule__0__value="Москва, Тверь", rule__1__op=">=", rule__1__value="many", do="save",
    )  # fmt: skip
    status, page, _ = await marketer.send(where, form)
    assert (status, 'value="many"' in page) == (400, True)
    assert "This does not fit here." in words(page)
    await marketer.send(where, changed(form, rule__1__value="3", rule__1__not="on"))
    rule = (await _draft(world, key))["steps"][0]["rule"]
    assert rule == {
        "any": [
            {"field": "city", "op": "in", "value": ["Москва", "Тверь"]},
            {"not": {"field": "orders", "op": ">=", "value": 3}},
        ]
    }


async def test_of_two_editors_the_second_is_told(world: World, marketer: Visitor, key: str) -> None:
    where, form = await _add(marketer, key, "tag")
    await shop.hire(world, "owner")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        other = Visitor(marketer.server, session)
        await other.sign_in("owner")
        _, page, _ = await other.get(where)
        await other.send(where, changed(fields(page, "rules-form"), tag="theirs", do="save"))
    status, page, _ = await marketer.send(where, changed(form, tag="mine", do="save"))
    assert status == 409
    assert "Somebody else has changed this draft meanwhile." in words(page)
    assert 'value="mine"' in page
    assert (await _draft(world, key))["steps"][0]["tag"] == "theirs"
    await marketer.send(where, changed(fields(page, "rules-form"), tag="mine", do="save"))
    assert (await _draft(world, key))["steps"][0]["tag"] == "mine"


async def test_a_shipped_chain_changes_and_comes_back(world: World, marketer: Visitor) -> None:
    where = f"{HOME}/welcome/edit/steps/hello"
    _, page, _ = await marketer.get(where)
    form = changed(fields(page, "rules-form"), texts__ru="Здравствуйте!", do="save")
    await marketer.send(where, form)
    one = await _one(world, "welcome")
    assert one.definition is not None
    assert one.definition.message("hello").texts["ru"] != "Здравствуйте!"  # type: ignore[union-attr]
    await marketer.post(f"{HOME}/welcome/edit/finish", do="publish")
    one = await _one(world, "welcome")
    assert (one.version, one.enabled) == (2, True)
    await marketer.post(f"{HOME}/welcome/edit/finish", do="restore")
    assert (await _draft(world, "welcome"))["steps"][0]["texts"]["ru"] != "Здравствуйте!"
    await marketer.post(f"{HOME}/welcome/edit/finish", do="drop")
    assert (await _one(world, "welcome")).draft is None
    assert (await marketer.post(f"{HOME}/welcome/edit/finish", do="publish"))[0] == 409
    assert await _types(world) == [
        "chain.draft_saved", "chain.published", "chain.restored", "chain.draft_dropped",
    ]  # fmt: skip
