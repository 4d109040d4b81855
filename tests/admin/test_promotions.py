"""Promotions in the panel: presets, the form, its sentence, switching, history, two editors."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loyalty import clock, promotions
from loyalty.events import event
from loyalty.promotions.model import Bundle, Discount, FixedPoints, Goal, Multiplier, Progressive
from tests.admin import market, shop
from tests.admin.forms import Fields, changed, fields, words
from tests.admin.shop import Visitor
from tests.world import World

HOME, FORM = "/admin/promotions", "/admin/promotions/form"
PRESETS = (
    "morning", "newcomers", "third-free", "breakfast", "three-visits", "birthday", "ten-percent",
    "progressive",
)  # fmt: skip


@pytest.fixture
async def marketer(world: World, visitor: Visitor) -> Visitor:
    """A marketer, signed in."""
    await shop.hire(world, "marketer", name="Vera")
    await visitor.sign_in("marketer")
    return visitor


async def _blank(visitor: Visitor, preset: str = "blank") -> Fields:
    _, page, _ = await visitor.get(f"{HOME}/new/{preset}")
    return fields(page, "rules-form")


async def _only(world: World) -> promotions.Listed:
    (one,) = await world.db.read(lambda s: promotions.listing(s, archived=True))
    return one


async def _one(world: World, number: int) -> promotions.Listed:
    return await world.db.read(lambda s: promotions.get(s, number))


async def test_every_preset_is_one_step_from_running(world: World, marketer: Visitor) -> None:
    for number, preset in enumerate(PRESETS, 1):
        form = await _blank(marketer, preset)
        status, page, where = await marketer.send(FORM, changed(form, do="on"))
        assert (status, where.url.path.startswith(f"{HOME}/")) == (200, True), preset
        assert "switched on" in words(page)
        live = await world.db.read(lambda s: promotions.listing(s))
        assert len([one for one in live if one.running]) == number
    rules = {one.newest.rules.name.en: one.newest.rules for one in live}
    morning = rules["Morning coffee"]
    assert isinstance(morning.effect, FixedPoints)
    assert (morning.when.weekdays, morning.when.from_minute) == ((1, 2, 3, 4, 5), 480)
    assert (morning.when.to_minute, morning.effect.points) == (660, 50)
    assert isinstance(rules["Coffee and croissant"].effect, Bundle)
    assert isinstance(rules["Three visits this week"].effect, Goal)
    types = [row.type for row in await world.db.read(lambda s: s.execute(sa.select(event)).all())]
    assert (types.count("promotion.saved"), types.count("promotion.on")) == (8, 8)


async def test_the_list_tells_what_was_given(world: World, marketer: Visitor) -> None:
    world.now = clock.now() - timedelta(hours=2)
    await market.promotion(world, market.MORNING)
    await market.promotion(world, market.TEN)
    await market.promotion(world, market.GOAL)
    guest = await world.customer(name="Анна")
    for number in range(3):
        await world.sell(guest, market.coffee(world, number=str(number)))
    _, page, _ = await marketer.get(HOME)
    said = words(page)
    assert "Morning coffee switched on +50 points for “Кофе”" in said
    assert "3 receipts · +150 points" in said
    assert "3 receipts · −₽213" in said
    assert "30 days: 1 gift" in said
    assert "Olga" in said
    marketer.headers["Accept-Language"] = "ru"
    _, page, _ = await marketer.get(HOME)
    assert "За 30 дней: 3 чека · +150 баллов" in words(page)


async def test_the_list_tells_what_is_ahead_and_what_is_over(
    world: World, marketer: Visitor
) -> None:
    today = clock.now().date()
    ahead, past = today + timedelta(days=20), today - timedelta(days=50)
    world.now = clock.now() - timedelta(days=60)
    over = market.TEN.when.model_copy(update={"ends_on": past})
    await market.promotion(world, market.TEN.model_copy(update={"when": over}))
    world.now = clock.now() - timedelta(hours=2)
    coming = market.MORNING.when.model_copy(update={"starts_on": ahead})
    await market.promotion(world, market.MORNING.model_copy(update={"when": coming}))
    _, page, _ = await marketer.get(HOME)
    said = words(page)
    soon = said.partition("Morning coffee switched on from ")[2]
    assert soon.startswith(f"{ahead.day} {ahead:%B}")
    assert said.count("nothing given yet") == 1
    ended = said.partition("Ten percent switched on ended on ")[2]
    assert ended.startswith(f"{past.day} {past:%B}")
    assert ended.count("nothing given in the last 30 days") == 1
    assert said.index("Morning coffee") < said.index("Ten percent")
    assert 'class="badge now"' not in page
    number = (await world.db.read(lambda s: promotions.listing(s)))[-1].promotion_id
    _, page, _ = await marketer.get(f"{HOME}/{number}")
    assert "ended on" in words(page)
    assert "nothing given in the last 30 days" in words(page)


async def test_goods_are_called_by_their_names(world: World, marketer: Visitor) -> None:
    world.now = clock.now() - timedelta(hours=2)
    await world.sell(None, market.coffee(world))
    items = tuple({"scope": {"skus": (sku,)}} for sku in ("cap", "CRO", "bagel"))
    rules = {"kind": "bundle", "items": items, "price": 50_000}
    bundle = market.TEN.model_validate({"name": {"ru": "Набор", "en": "Set"}, "effect": rules})
    number = await market.promotion(world, bundle)
    only = market.MORNING.model_validate(
        {**market.MORNING.model_dump(), "when": {"scope": {"skus": ("CAP",)}}}
    )
    await market.promotion(world, only)
    _, page, _ = await marketer.get(HOME)
    said = words(page)
    # Nobody has bought the last one: its article is all that is known.
    assert "“Капучино” + “Круассан” + “bagel” together for ₽500" in said
    assert "+50 points for “Капучино”" in said
    _, page, _ = await marketer.get(f"{HOME}/{number}")
    assert "“Капучино” + “Круассан”" in words(page)


async def test_an_untouched_form_says_the_same(world: World, marketer: Visitor) -> None:
    for language in ("en", "ru"):
        marketer.headers["Accept-Language"] = language
        for preset in PRESETS:
            form = await _blank(marketer, preset)
            _, _, where = await marketer.send(FORM, changed(form, do="save"))
            number = int(where.url.path.rpartition("/")[2])
            first = await _one(world, number)
            _, page, _ = await marketer.get(f"{HOME}/{number}/edit")
            again = changed(fields(page, "rules-form"), do="save")
            status, page, where = await marketer.send(FORM, again)
            assert (status, where.url.path) == (200, f"{HOME}/{number}"), preset
            second = await _one(world, number)
            # Nothing changed: no new version either.
            assert second.newest == first.newest, preset


async def test_only_the_fields_of_the_effect_are_shown(marketer: Visitor) -> None:
    form = await _blank(marketer)
    shown = {name for name, _ in form}
    assert {"effect.points", "effect.per"} <= shown
    assert "effect.rate_bp" not in shown
    for kind, wanted in (
        ("percent", "effect.up_to"),
        ("multiplier", "effect.times_bp"),
        ("progressive", "effect.steps.1.rate_bp"),
        ("bundle", "effect.items.1.scope.categories"),
        ("goal", "effect.gift.points"),
        ("stamps", "effect.card"),
        ("nth_free", "effect.n"),
        ("per_step", "effect.step"),
        ("rate", "effect.extra_bp"),
        ("amount", "effect.amount"),
    ):
        status, page, _ = await marketer.send(
            FORM, changed(form, effect__kind=kind, do="show", name__ru="Имя")
        )
        now = dict(fields(page, "rules-form"))
        assert (status, wanted in now, now["name.ru"]) == (200, True, "Имя"), kind
        assert ("effect.per" in now) is False
        assert ("when.anybody" in page) == (kind in ("percent", "progressive", "bundle",
                                                     "nth_free", "amount"))  # fmt: skip


async def test_rows_are_added_and_removed(world: World, marketer: Visitor) -> None:
    form = await _blank(marketer, "progressive")
    _, page, _ = await marketer.send(FORM, changed(form, do="add:effect.steps"))
    form = fields(page, "rules-form")
    form = changed(form, effect__steps__3__threshold="8 000", effect__steps__3__rate_bp="20")
    _, page, _ = await marketer.send(FORM, changed(form, do="remove:effect.steps.0"))
    await marketer.send(FORM, changed(fields(page, "rules-form"), do="save"))
    effect = (await _only(world)).newest.rules.effect
    assert isinstance(effect, Progressive)
    assert [(s.threshold, s.rate_bp) for s in effect.steps] == [
        (2_000_00, 1000), (4_000_00, 1500), (8_000_00, 2000),
    ]  # fmt: skip
    for wrong in ("add:name", "remove:effect.steps.x", "remove:when.0", "add:"):
        status, _, _ = await marketer.send(FORM, changed(form, do=wrong))
        assert status == 400


async def test_a_coupon_as_the_gift_of_a_goal(world: World, marketer: Visitor) -> None:
    form = changed(await _blank(marketer, "three-visits"), effect__gift__kind="voucher")
    _, page, _ = await marketer.send(FORM, changed(form, do="show"))
    form = changed(
        fields(page, "rules-form"), effect__gift__name__ru="Эклер", effect__gift__name__en="Éclair",
        effect__gift__effect__scope__categories=["Выпечка, cakes"], effect__period="days",
        do="show",
    )  # fmt: skip
    _, page, _ = await marketer.send(FORM, form)
    form = changed(fields(page, "rules-form"), effect__days="10", do="save")
    status, page, _ = await marketer.send(FORM, form)
    assert status == 200, words(page)
    goal = (await _only(world)).newest.rules.effect
    assert isinstance(goal, Goal)
    assert (goal.period, goal.days, goal.gift.kind) == ("days", 10, "voucher")
    assert "3 purchases within 10 days – a gift: “Éclair”" in words(page)
    assert "1 item free (Выпечка, cakes)" in words(page)


async def test_mistakes_stand_at_their_fields(world: World, marketer: Visitor) -> None:
    marketer.headers["Accept-Language"] = "ru"
    form = changed(
        await _blank(marketer), name__ru="", name__en="x" * 130, effect__points="много",
        when__minimum="-5", when__starts_on="2026-05-10", when__ends_on="2026-05-01",
        when__from_minute="25:00", when__segments=["new<b>"], priority="7000", do="save",
    )  # fmt: skip
    status, page, _ = await marketer.send(FORM, form)
    assert status == 400
    said = words(page)
    assert "Проверьте 4 поля" in said
    assert "new<b>" not in page
    for field in ("name.ru", "effect.points", "when.minimum", "when.from_minute"):
        mark = field.replace(".", "-")
        assert f'id="e-{mark}"' in page, field
    assert 'value="много"' in page
    good = changed(
        form, name__ru="Имя", name__en="Name", effect__points="200 000", when__minimum="",
        when__from_minute="", when__segments=[],
    )  # fmt: skip
    status, page, _ = await marketer.send(FORM, good)
    assert status == 400
    assert "Последний день раньше первого" in words(page)
    assert "Не больше: 100 000 баллов" in words(page)
    assert await world.db.read(lambda s: promotions.listing(s)) == []


async def test_bounds_are_told_in_peoples_units(marketer: Visitor) -> None:
    for kind, field, value, wanted in (
        ("multiplier", "effect__times_bp", "1", "At least 1.1."),
        ("multiplier", "effect__times_bp", "25", "At most 20."),
        ("percent", "effect__rate_bp", "130", "At most 100%."),
        ("nth_free", "effect__n", "1", "At least 2."),
        ("amount", "effect__amount", "0", "At least ₽0.01."),
    ):
        form = changed(await _blank(marketer), effect__kind=kind, name__ru="а", name__en="a")
        _, page, _ = await marketer.send(FORM, changed(form, do="show"))
        form = changed(fields(page, "rules-form"), do="save", **{field: value})
        status, page, _ = await marketer.send(FORM, form)
        assert status == 400
        assert wanted in words(page), (kind, words(page))


async def test_the_sentence_follows_what_is_typed(world: World, marketer: Visitor) -> None:
    world.now = clock.now() - timedelta(hours=2)
    await world.sell(None, market.coffee(world))
    form = changed(await _blank(marketer), name__ru="а", name__en="<i>a</i>")
    form = changed(
        form, when__weekdays=["6", "7"], when__from_minute="22:00", when__to_minute="02:00"
    )
    _, page, _ = await marketer.send(f"{HOME}/preview", form)
    assert "+50 points for a purchase, weekends 22:00–2:00" in words(page)
    _, page, _ = await marketer.send(
        f"{HOME}/preview", changed(form, when__scope__categories=["кофе, пирожки"])
    )
    assert "Nothing called" not in page
    _, page, _ = await marketer.send(
        f"{HOME}/preview", changed(form, when__scope__categories=["пирожки<b>"])
    )
    assert "Nothing called “пирожки<b>” was sold" in words(page)
    assert "пирожки<b>" not in page
    _, page, _ = await marketer.send(f"{HOME}/preview", changed(form, effect__points=""))
    assert "Fill in what is missing" in words(page)
    assert (await world.db.read(lambda s: promotions.listing(s))) == []


async def test_goods_and_tags_are_suggested(world: World, marketer: Visitor) -> None:
    world.now = clock.now() - timedelta(days=1)
    await world.customer(name="Анна", tags=["утро"])
    await world.sell(None, market.coffee(world))
    world.now = clock.now() - timedelta(days=100)
    await world.sell(None, 10_000)
    _, page, _ = await marketer.get(f"{HOME}/new/morning")
    assert '<option value="Выпечка">' in page
    assert '<option value="CAP">Капучино</option>' in page
    assert "guests tagged утро" in page
    # The preset takes what the till calls coffee.
    form = fields(page, "rules-form")
    assert [v for n, v in form if n == "when.scope.categories"] == ["Кофе", ""]


async def test_draft_on_changed_off_archived(world: World, marketer: Visitor) -> None:
    await marketer.send(FORM, changed(await _blank(marketer, "ten-percent"), do="save"))
    one = await _only(world)
    home = f"{HOME}/{one.promotion_id}"
    assert (one.status, one.running) == ("draft", None)
    status, page, _ = await marketer.post(f"{home}/on", number="1")
    assert (status, "switched on" in words(page)) == (200, True)

    _, page, _ = await marketer.get(f"{home}/edit")
    form = changed(fields(page, "rules-form"), effect__rate_bp="12,5", when__weekdays=["1"])
    _, page, _ = await marketer.send(FORM, changed(form, do="save"))
    assert "changes waiting" in words(page)
    assert "Days Mon" in words(page)
    running = (await _only(world)).running
    assert running is not None
    assert isinstance(running.rules.effect, Discount)
    assert running.rules.effect.rate_bp == 1000
    _, page, _ = await marketer.post(f"{home}/on", number="3")
    running = (await _only(world)).running
    assert running is not None
    assert running.rules.when.weekdays == (1,)
    said = words(page)
    assert "What it does before: 10 % off a purchase → after: 12.5 % off a purchase" in said

    _, page, _ = await marketer.post(f"{home}/off", number="4")
    assert (await _only(world)).running is None
    _, page, _ = await marketer.post(f"{home}/archive", number="5")
    assert "in the archive" in words(page)
    _, page, _ = await marketer.get(HOME)
    assert "No promotions yet" in words(page)
    assert "Archive (1)" in words(page)
    _, page, _ = await marketer.get(f"{HOME}?archived=1")
    assert home in page


async def test_the_second_of_two_editors_is_told(world: World, marketer: Visitor) -> None:
    number = await market.promotion(world, market.TEN, on=False)
    home = f"{HOME}/{number}"
    _, page, _ = await marketer.get(f"{home}/edit")
    mine = changed(fields(page, "rules-form"), effect__rate_bp="20", do="save")
    theirs = changed(fields(page, "rules-form"), effect__rate_bp="15", do="save")
    assert (await marketer.send(FORM, theirs))[0] == 200
    status, page, _ = await marketer.send(FORM, mine)
    assert status == 409
    assert "Somebody else has changed this promotion meanwhile" in words(page)
    status, _, _ = await marketer.post(f"{home}/on", number="1")
    assert status == 409
    effect = (await _only(world)).newest.rules.effect
    assert isinstance(effect, Discount)
    assert effect.rate_bp == 1500
    # Pressed again it is meant so.
    status, _, _ = await marketer.send(FORM, changed(fields(page, "rules-form"), do="save"))
    effect = (await _only(world)).newest.rules.effect
    assert isinstance(effect, Discount)
    assert (status, effect.rate_bp) == (200, 2000)


async def test_forged_ids_are_refused(world: World, marketer: Visitor) -> None:
    form = changed(await _blank(marketer, "ten-percent"), do="save", when__outlets=["42"])
    status, page, _ = await marketer.send(FORM, form)
    assert status == 400
    card = changed(await _blank(marketer), effect__kind="stamps", effect__card="none",
                   effect__stamps="1", name__ru="a", name__en="a", do="save")  # fmt: skip
    status, page, _ = await marketer.send(FORM, card)
    assert (status, "Choose one." in words(page)) == (400, True)
    status, _, _ = await marketer.send(FORM, changed(form, id="7", number="1", when__outlets=[]))
    assert status == 404
    for path in (f"{HOME}/{2**63}", f"{HOME}/7", f"{HOME}/7/edit", f"{HOME}/new/nothing"):
        assert (await marketer.get(path))[0] == 404, path
    assert await world.db.read(lambda s: promotions.listing(s)) == []


@pytest.mark.parametrize(("role", "sees", "edits"), [("owner", 200, 200), ("marketer", 200, 200),
                                                     ("analyst", 200, 403)])  # fmt: skip
async def test_roles(world: World, visitor: Visitor, role: str, sees: int, edits: int) -> None:
    number = await market.promotion(world, market.MORNING, on=False)
    await shop.hire(world, role)
    await visitor.sign_in(role)
    status, page, _ = await visitor.get(HOME)
    assert (status, "New promotion" in page) == (sees, edits == 200)
    status, page, _ = await visitor.get(f"{HOME}/{number}")
    assert (status, f"{number}/on" in page) == (sees, edits == 200)
    for path in (f"{HOME}/new", f"{HOME}/new/morning", f"{HOME}/{number}/edit"):
        assert (await visitor.get(path))[0] == edits, path
    await visitor.get(HOME)
    for do in ("on", "off", "archive"):
        seen = str((await _only(world)).newest.live.number)
        assert (await visitor.post(f"{HOME}/{number}/{do}", number=seen))[0] == edits, do
    status, _, _ = await visitor.post(f"{HOME}/{number}/on", number="1", csrf="wrong")
    assert status == 403
    pattern = re.compile(r'data-confirm="[^"]*"')
    assert all("<" not in found for found in pattern.findall(page))


def test_a_multiplier_reads_as_it_is_typed() -> None:
    from admin.promotions_fields import times_text

    assert [times_text(bp, "en") for bp in (20_000, 15_000, 12_500, 100_000)] == [
        "2", "1.5", "1.25", "10",
    ]  # fmt: skip
    assert times_text(15_000, "ru") == "1,5"
    assert Multiplier(times_bp=15_000).times_bp == 15_000
