"""Forms sent by somebody unkind or in a hurry: told what is wrong, in words, never a fault."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty.texts import translator
from tests.admin.chains.test_editor import HOME, _add, fields, key  # noqa: F401 - a fixture
from tests.admin.forms import changed, words
from tests.admin.shop import Visitor

UNREADABLE: list[dict[str, Any]] = [
    {"start": "silence", "days": ""},
    {"start": "own_date", "field": "", "days_before": "3"},
    {"start": "own_date", "field": "моя дата", "days_before": "3"},
    {"start": "segment"},
    {"start": "other", "event": "", "occurrence": "event"},
    {"start": "other", "event": "x" * 60, "occurrence": "event"},
    {"start": "other", "event": "bought", "occurrence": "sometimes"},
]


@pytest.mark.parametrize("typed", UNREADABLE, ids=lambda one: f"{one['start']}-{len(str(one))}")
async def test_a_start_that_cannot_be_read_leaves_the_editor_open(
    marketer: Visitor,
    key: str,  # noqa: F811
    typed: dict[str, Any],
) -> None:
    edit = f"{HOME}/{key}/edit"
    await marketer.get(f"{edit}/part/trigger")
    sent = {**typed, "shown": typed["start"], "do": "save"}
    status, page, answer = await marketer.post(f"{edit}/part/trigger", **sent)
    assert (status, answer.url.path) == (200, edit)
    assert str(translator("en")("not chosen yet")) in words(page)
    assert "Новинки / News" in words(page)
    for what in ("publish", "publish_on"):
        status, page, _ = await marketer.post(f"{edit}/finish", do=what)
        assert status == 409
        assert "It cannot be published yet." in words(page)
    assert (await marketer.get(HOME))[0] == 200


async def test_a_picture_nobody_could_have_uploaded_is_refused(
    marketer: Visitor,
    key: str,  # noqa: F811
) -> None:
    where, form = await _add(marketer, key, "message")
    texts = {"texts__ru": "Привет", "texts__en": "Hello"}
    await marketer.send(where, changed(form, picture="9" * 40, do="save", **texts))
    for what in ("publish", "publish_on"):
        await marketer.get(f"{HOME}/{key}/edit")
        status, page, _ = await marketer.post(f"{HOME}/{key}/edit/finish", do=what)
        assert status == 409
        assert "It cannot be published yet." in words(page)
    assert (await marketer.get(HOME))[0] == 200
    assert (await marketer.get(f"{HOME}/{key}"))[0] == 200


@pytest.mark.parametrize(
    "rule",
    [
        "[" * 5900,
        '{"not":' * 800 + '{"segment":"vip"}' + "}" * 800,
        '{"field":"orders","op":">","value":' + "9" * 400 + "}",
        '{"field":"orders","op":">","value":NaN}',
    ],
    ids=["deep", "nested", "large", "nan"],
)
async def test_a_rule_nobody_could_have_kept_is_refused(
    marketer: Visitor,
    key: str,  # noqa: F811
    rule: str,
) -> None:
    where, form = await _add(marketer, key, "condition")
    sent = [*changed(form, by="rule", do="save"), ("rule.kept", rule)]
    status, page, _ = await marketer.send(where, sent)
    assert status == 400
    assert "1 field needs a look." in words(page)
    assert "This cannot be read. Choose or type it again." in words(page)


async def test_words_of_no_one_in_particular_and_a_share_of_nobody_are_refused(
    marketer: Visitor,
    key: str,  # noqa: F811
) -> None:
    where, form = await _add(marketer, key, "message")
    texts = {"texts__ru": "Привет", "texts__en": "Hello"}
    _, page, _ = await marketer.send(where, changed(form, do="add:variants", **texts))
    form = fields(page, "rules-form")
    more = {f"variants__0__{name}": said for name, said in texts.items()}
    status, page, _ = await marketer.send(
        where, changed(form, do="save", **texts, **more, variants__0__share="0")
    )
    assert status == 400
    assert "At least 0.01 %." in words(page)
