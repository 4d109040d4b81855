"""The program in the panel: editing, comparing, publishing, versions, who may do what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape

import aiohttp
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, program
from loyalty.events import event
from loyalty.program import drafts
from loyalty.receipts import purchase
from tests.admin import shop
from tests.admin.shop import Visitor
from tests.world import World

HOME, EDIT, REVIEW = "/admin/program", "/admin/program/edit", "/admin/program/review"
_TAG = re.compile(r"<(input|select|option)\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')


def typed(page: str) -> dict[str, str]:
    """What the page's form would send as it stands."""
    form: dict[str, str] = {}
    chooser = ""
    for tag, rest in _TAG.findall(page.partition('id="program-form"')[2]):
        has = {name: unescape(value) for name, value in _ATTRIBUTE.findall(rest)}
        if tag == "select":
            chooser = has["name"]
        elif tag == "option":
            if "selected" in has or chooser not in form:
                form[chooser] = has["value"]
        elif has.get("type") not in ("checkbox", "radio") or "checked" in has:
            form[has["name"]] = has.get("value", "")
    return form


def text(page: str) -> str:
    """The page's words, without tags and with plain spaces."""
    words = unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]))
    return " ".join(words.replace("\u00a0", " ").split())


@pytest.fixture
async def owner(world: World, visitor: Visitor) -> Visitor:
    """The owner, signed in, with a draft just begun."""
    await shop.hire(world, "owner", name="Marina")
    await visitor.sign_in("owner")
    await visitor.get(HOME)
    status, _, where = await visitor.post("/admin/program/draft")
    assert (status, where.url.path) == (200, EDIT)
    return visitor


async def _edit(owner: Visitor, **changes: str) -> tuple[int, str, str]:
    """Change fields of the open form and save: status, page, where one ends."""
    _, page, _ = await owner.get(EDIT)
    form = typed(page) | {name.replace("__", "."): value for name, value in changes.items()}
    form.pop("csrf", None)
    status, page, where = await owner.post(EDIT, **form, do="save")
    return status, page, where.url.path


async def _program(world: World) -> program.Program:
    return (await world.db.read(lambda s: program.current(s, now=clock.now()))).program


@contextmanager
def days_ahead(days: int) -> Iterator[None]:
    """The panel's clock so many days ahead."""
    clock.set_offset(timedelta(days=days))
    try:
        yield
    finally:
        clock.set_offset(timedelta())


async def test_a_rate_is_changed_compared_and_published(world: World, owner: Visitor) -> None:
    status, page, path = await _edit(owner, tiers__1__earn_rate_bp="8,5 %", expiry_days="")
    assert (status, path) == (200, REVIEW)
    said = text(page)
    assert "2 changes" in said
    assert "Silver Earning before: 7% → after: 8.5%" in said
    assert "Expiry before: 365 days → after: never expire" in said
    assert "Points that guests already have keep their date" in said
    assert 'id="program-actions"' in page
    assert (await _program(world)).tiers[1].earn_rate_bp == 700

    draft = await world.db.read(drafts.get)
    form = {"draft": str(draft.id), "edition": str(draft.edition), "when": "now"}
    status, page, where = await owner.post("/admin/program/publish", **form, note="<b>Summer</b>")
    assert (status, where.url.path) == (200, HOME)
    assert "In force: version 2" in text(page)
    now = await _program(world)
    assert (now.tiers[1].earn_rate_bp, now.expiry_days) == (850, None)
    _, page, _ = await owner.get("/admin/program/versions")
    assert "&lt;b&gt;Summer&lt;/b&gt;" in page
    assert "Version 2 in force" in text(page)
    assert "Marina" in page
    events = await world.db.read(lambda s: s.execute(sa.select(event)).all())
    published = next(row for row in events if row.type == "program.published")
    assert (published.data["number"], published.actor[:6]) == (2, "staff:")
    link = re.search(r'href="(/admin/program/versions/\d+)"', page)
    assert link is not None
    status, page, _ = await owner.get(link[1])
    assert (status, "8.5%" in text(page)) == (200, True)


async def test_where_29_february_is_kept_is_chosen_from_a_list(
    world: World, owner: Visitor
) -> None:
    _, page, _ = await owner.get(EDIT)
    assert typed(page)["leap_day"] == "feb_28"
    assert "29 February, in other years on 28 February on 1 March" in text(page)
    status, page, path = await _edit(owner, leap_day="mar_1")
    assert (status, path) == (200, REVIEW)
    assert "29 February, in other years before: on 28 February → after: on 1 March" in text(page)
    assert (await world.db.read(drafts.get)).program.leap_day == "mar_1"
    _, page, _ = await owner.get(EDIT)
    assert typed(page)["leap_day"] == "mar_1"
    owner.headers["Accept-Language"] = "ru"
    _, page, _ = await owner.get(REVIEW)
    assert "29 февраля в другие годы было: 28 февраля → стало: 1 марта" in text(page)
    status, page, _ = await _edit(owner, leap_day="feb_30")
    assert (status, "Выберите" in text(page)) == (400, True)
    assert (await world.db.read(drafts.get)).program.leap_day == "mar_1"


async def test_an_untouched_form_changes_nothing(world: World, owner: Visitor) -> None:
    for language in ("en", "ru"):
        owner.headers["Accept-Language"] = language
        status, page, path = await _edit(owner)
        assert (status, path) == (200, REVIEW)
        draft = await world.db.read(drafts.get)
        assert draft.program == program.Program()
    assert "Изменений пока нет" in text(page)
    status, page, _ = await owner.post(
        "/admin/program/publish", draft=str(draft.id), edition=str(draft.edition), when="now"
    )
    assert status == 409
    assert "публиковать нечего" in text(page)


async def test_mistakes_are_told_at_their_fields_and_nothing_is_lost(
    world: World, owner: Visitor
) -> None:
    wrong = {
        "expiry_days": "a year",
        "redeem_share_bp": "130",
        "referral__minimum": "-5",
        "quiet_hours__start_minute": "25:00",
        "tiers__1__threshold": "ten",
        "stamp_cards__0__reward__effect__value": "",
        "welcome_points": "1e9",
        "tiers__0__name__ru": "<script>",
    }
    status, page, path = await _edit(owner, **wrong)
    assert (status, path) == (400, EDIT)
    form = typed(page)
    assert {name: form[name.replace("__", ".")] for name in wrong} == wrong
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "fields need a look" in text(page)
    for name, said in (
        ("expiry_days", "A whole number, like 30."),
        ("referral.minimum", "An amount, like 450"),
        ("quiet_hours.start_minute", "A time, like 21:00."),
        ("tiers.1.threshold", "An amount, like 450"),
        ("stamp_cards.0.reward.effect.value", "Fill this in."),
        ("welcome_points", "A whole number, like 30."),
    ):
        assert re.search(rf'id="e-{re.escape(name)}">{said}', page), name
    fixed = {name: {"referral__minimum": "450,50"}.get(name, "7") for name in wrong}
    fixed |= {"quiet_hours__start_minute": "9:30", "redeem_share_bp": "130"}
    status, page, _ = await _edit(owner, **fixed)
    assert (status, "At most 100%" in text(page)) == (400, True)
    fixed |= {"redeem_share_bp": "50", "tiers__1__threshold": "1,500.50"}
    assert (await _edit(owner, **fixed))[0] == 200
    rules = (await world.db.read(drafts.get)).program
    assert (rules.referral.minimum, rules.quiet_hours.start_minute) == (450_50, 570)
    assert rules.tiers[1].threshold == 1_500_50


async def test_tiers_and_perks_are_added_and_removed(world: World, owner: Visitor) -> None:
    _, page, _ = await owner.get(EDIT)
    for what in ("add:tiers", "add:tiers.3.perks", "remove:tiers.2", "add:tiers.2.perks"):
        form = typed(page)
        form.pop("csrf")
        status, page, _ = await owner.post(EDIT, **form, do=what)
        assert status == 200, what
    assert (await world.db.read(drafts.get)).edition == 1
    form = typed(page) | {
        "tiers.2.name.ru": "Свои", "tiers.2.name.en": "Inner Circle of Friends",
        "tiers.2.threshold": "5 000", "tiers.2.earn_rate_bp": "6.25",
        "tiers.2.perks.0.kind": "early_access", "tiers.2.perks.0.text.ru": "Раньше всех",
        "tiers.2.perks.0.text.en": "Before others", "tiers.2.perks.0.code": "early",
        "tiers.2.perks.1.text.ru": "Торт", "tiers.2.perks.1.text.en": "Cake",
    }  # fmt: skip
    form.pop("csrf")
    status, page, _ = await owner.post(EDIT, **form, do="save")
    assert status == 200, text(page)
    tiers = (await world.db.read(drafts.get)).program.tiers
    # It found its place by its threshold, and a key by its name.
    assert [tier.key for tier in tiers] == ["bronze", "inner_circle", "silver"]
    assert (tiers[1].threshold, tiers[1].earn_rate_bp) == (5_000_00, 625)
    assert [(perk.kind, perk.code) for perk in tiers[1].perks] == [
        ("early_access", "early"),
        ("text", None),
    ]
    said = text(page)
    assert (
        "Inner Circle of Friends New tier 6.25%, from ₽5,000, Before others [early], Cake" in said
    )
    assert "Gold goes away. Its guests count as Bronze" in said


async def test_a_stamp_card_is_added_with_a_prize_on_the_way(world: World, owner: Visitor) -> None:
    _, page, _ = await owner.get(EDIT)
    for what in ("add:stamp_cards", "add:stamp_cards.1.interim", "remove:stamp_cards.0"):
        form = typed(page)
        form.pop("csrf")
        _, page, _ = await owner.post(EDIT, **form, do=what)
    row, gift = "stamp_cards.0", "stamp_cards.0.interim.0.gift"
    form = typed(page) | {
        f"{row}.name.ru": "Круассаны", f"{row}.name.en": "Croissants", f"{row}.stamps": "6",
        f"{row}.scope.categories": " выпечка , Pastry,, выпечка", f"{row}.daily_cap": "3 шт.",
        f"{row}.outlet_caps.{world.outlet_id}": "5",
        f"{row}.reward.name.ru": "Круассан", f"{row}.reward.name.en": "Croissant",
        f"{row}.reward.effect.kind": "percent", f"{row}.reward.effect.value": "50",
        f"{row}.reward.effect.up_to": "300",
        f"{row}.interim.0.at": "3", f"{gift}.name.ru": "Доставка", f"{gift}.name.en": "Delivery",
        f"{gift}.effect.kind": "free_delivery", f"{gift}.effect.value": "",
    }  # fmt: skip
    form.pop("csrf")
    status, page, _ = await owner.post(EDIT, **form, do="save")
    assert status == 200, text(page)
    card = (await world.db.read(drafts.get)).program.stamp_cards[0]
    assert (card.key, card.stamps, card.daily_cap) == ("croissants", 6, 3)
    assert card.scope.categories == ("выпечка", "Pastry")
    assert card.outlet_caps == {str(world.outlet_id): 5}
    assert card.reward.effect == program.PercentOff(rate_bp=5000, up_to=300_00)
    assert (card.interim[0].at, card.interim[0].gift.effect) == (3, program.FreeDelivery())
    assert "Stamp card removed" in text(page)
    # What was saved is what the form shows again.
    _, page, _ = await owner.get(EDIT)
    assert typed(page)[f"{row}.reward.effect.value"] == "50"
    assert (await _edit(owner))[0] == 200
    assert (await world.db.read(drafts.get)).program.stamp_cards[0] == card


async def test_publishing_for_later_and_taking_back(world: World, owner: Visitor) -> None:
    await _edit(owner, welcome_points="150")
    draft = await world.db.read(drafts.get)
    form = {"draft": str(draft.id), "edition": str(draft.edition), "when": "later"}
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    for when, said in (
        ({"day": "2020-01-01", "time": "09:00"}, "still ahead"),
        ({"day": "9999-12-31", "time": "23:59"}, "within the next two years"),
        ({"day": "soon", "time": "09:00"}, "within the next two years"),
        ({"day": day, "time": ""}, "within the next two years"),
    ):
        status, page, _ = await owner.post("/admin/program/publish", **form, **when)
        assert (status, said in text(page)) == (400, True), when
    status, page, _ = await owner.post("/admin/program/publish", **form, day=day, time="06:30")
    assert status == 200
    assert re.search(r"Version 2 scheduled begins on .*, 06:30", text(page))
    versions = await world.db.read(lambda s: s.execute(sa.select(program.program_version)).all())
    begins = next(row.effective_from for row in versions if row.number == 2)
    # Half past six in Moscow.
    assert begins.isoformat() == f"{day}T03:30:00+00:00"
    version_id = next(row.id for row in versions if row.number == 2)

    await owner.post("/admin/program/draft")
    _, page, _ = await owner.get(REVIEW)
    assert "Version 2 begins on" in text(page)
    with days_ahead(4):
        assert (await _program(world)).welcome_points == 150
        _, page, _ = await owner.get(REVIEW)
        assert "Version 2 came into force after this draft was begun" in text(page)
        assert "Welcome gift before: 150 points → after: 100 points" in text(page)
        status, page, _ = await owner.post(f"/admin/program/versions/{version_id}/cancel")
        assert (status, "has begun already" in text(page)) == (409, True)
    status, page, _ = await owner.post(f"/admin/program/versions/{version_id}/cancel")
    assert (status, "scheduled" in text(page)) == (200, False)
    _, page, _ = await owner.get("/admin/program/versions")
    assert "Version 2 cancelled" in text(page)
    assert (await owner.post("/admin/program/versions/77/cancel"))[0] == 404
    assert (await owner.get("/admin/program/versions/77"))[0] == 404


async def test_a_version_that_priced_a_purchase_is_not_taken_back(
    world: World, owner: Visitor
) -> None:
    await _edit(owner, welcome_points="150")
    draft = await world.db.read(drafts.get)
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    seen = {"draft": str(draft.id), "edition": str(draft.edition), "when": "later"}
    await owner.post("/admin/program/publish", **seen, day=day, time="06:30")
    newest = sa.select(sa.func.max(program.program_version.c.id))
    version_id = await world.db.read(lambda s: s.execute(newest).scalar_one())
    sale = await world.sell(await world.customer(), 100_00)
    priced = sa.update(purchase).where(purchase.c.id == sale.purchase_id)
    await world.db.transact(lambda s: s.execute(priced.values(program_version_id=version_id)))
    assert (await owner.post(f"/admin/program/versions/{version_id}/cancel"))[0] == 409


async def test_the_panel_may_be_the_first_to_open(world: World, owner: Visitor) -> None:
    def nothing(session: Session) -> None:
        session.execute(sa.delete(drafts.program_draft))
        session.execute(sa.delete(program.program_version))

    await world.db.transact(nothing)
    status, page, _ = await owner.get(HOME)
    assert (status, "In force: version 1 · from the very first day" in text(page)) == (200, True)
    await world.db.transact(nothing)
    assert (await owner.post("/admin/program/draft"))[0] == 200


async def test_two_owners_and_one_draft(world: World, owner: Visitor) -> None:
    _, first, _ = await owner.get(EDIT)
    assert (await _edit(owner, welcome_points="150"))[0] == 200
    form = typed(first) | {"welcome_points": "170"}
    form.pop("csrf")
    status, page, _ = await owner.post(EDIT, **form, do="save")
    assert status == 409
    assert "Somebody else has changed the draft" in text(page)
    assert (await world.db.read(drafts.get)).program.welcome_points == 150
    # Their own words are still there, and a second press saves them.
    again = typed(page)
    assert again["welcome_points"] == "170"
    again.pop("csrf")
    assert (await owner.post(EDIT, **again, do="save"))[0] == 200
    assert (await world.db.read(drafts.get)).program.welcome_points == 170

    seen = {"draft": again["draft"], "edition": again["edition"]}
    status, page, _ = await owner.post("/admin/program/publish", **seen, when="now")
    assert (status, "Somebody else has changed the draft" in text(page)) == (409, True)
    assert (await owner.post("/admin/program/drop", **seen))[0] == 409
    draft = await world.db.read(drafts.get)
    seen = {"draft": str(draft.id), "edition": str(draft.edition)}
    assert (await owner.post("/admin/program/drop", **seen))[0] == 200
    assert await world.db.read(drafts.find) is None
    # Everything about a draft that is gone leads home, or says so.
    for path in (EDIT, REVIEW):
        assert (await owner.get(path))[2].url.path == HOME
    assert (await owner.post(EDIT, **form, do="save"))[0] == 404
    status, page, _ = await owner.post("/admin/program/publish", **seen, when="now")
    assert (status, "Somebody else has changed the draft" in text(page)) == (409, True)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"draft": "x", "edition": "1"},
        {"draft": "1" * 40, "edition": "1"},
        {"draft": "1", "edition": "1", "do": "add:guards"},
        {"draft": "1", "edition": "1", "do": "remove:tiers.x"},
        {"draft": "1", "edition": "1", "do": "remove:tiers"},
        {"draft": "1", "edition": "1", "do": "add:tiers.99999.perks"},
    ],
)
async def test_forged_forms_do_no_harm(world: World, owner: Visitor, form: dict[str, str]) -> None:
    status, page, _ = await owner.post(EDIT, **form)
    assert status == 400
    assert "This did not work" in page
    assert (await world.db.read(drafts.get)).edition == 1


async def test_others_see_but_do_not_touch(world: World, owner: Visitor) -> None:
    await _edit(owner, welcome_points="150")
    draft = await world.db.read(drafts.get)
    for role in ("marketer", "analyst"):
        await shop.hire(world, role)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            other = Visitor(owner.server, session)
            await other.sign_in(role)
            for path in (HOME, REVIEW, "/admin/program/versions"):
                status, page, _ = await other.get(path)
                assert status == 200
                assert 'action="/admin/program/' not in page
                assert EDIT not in page
                assert " style=" not in page
                assert "<script>" not in page
            assert (await other.get(EDIT))[0] == 403
            seen = {"draft": str(draft.id), "edition": str(draft.edition), "when": "now"}
            for path in ("draft", "edit", "publish", "drop", "versions/1/cancel"):
                assert (await other.post(f"/admin/program/{path}", **seen))[0] == 403, path
    assert (await _program(world)).welcome_points == 100
