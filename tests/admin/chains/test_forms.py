"""Every part of a chain as a form and back: nothing of what an owner has is lost by a save."""

from __future__ import annotations

from typing import Any

import pytest

from admin import chains_parts, chains_steps, rule_form
from admin.promotions_fields import Form
from loyalty.chains.model import Definition
from loyalty.chains.shipped import SHIPPED
from loyalty.texts import translator

LANGUAGES = ("ru", "en")


def _same(document: dict[str, Any]) -> dict[str, Any]:
    """A document as the model reads it, so that defaults written out or not do not differ."""
    return Definition.model_validate(document).model_dump(mode="json")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", SHIPPED)
def test_steps_survive_their_forms(key: str, language: str) -> None:
    document = SHIPPED[key].model_dump(mode="json")
    t, steps = translator(language), []
    for step in document["steps"]:
        form = chains_steps.fill(step, language)
        chains_steps.complete(form)
        steps.append(chains_steps.read(form, step, t, "RUB"))
        assert form.problems == {}, (step["id"], form.problems)
    assert _same({**document, "steps": steps}) == document


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", SHIPPED)
def test_parts_survive_their_forms(key: str, language: str) -> None:
    document = SHIPPED[key].model_dump(mode="json")
    t = translator(language)
    made = dict(document)
    for part in chains_parts.PARTS:
        form = chains_parts.fill(part, made, language)
        if part == "trigger":
            form.put("shown", form.get("start"))
        made = chains_parts.read(part, form, made, t)
        assert form.problems == {}, (part, form.problems)
    assert _same(made) == document


RULES: tuple[dict[str, Any], ...] = (
    {"segment": "vip"},
    {"not": {"segment": "vip"}},
    {"field": "orders", "op": ">=", "value": 3, "days": 90},
    {"field": "spent", "op": "between", "value": [100_000, 250_050]},
    {"field": "language", "op": "in", "value": ["ru", "en"]},
    {"field": "city", "op": "in", "value": ["Москва", "Тверь"]},
    {"field": "city", "op": "unknown", "value": True},
    {"field": "reachable", "op": "=", "value": False},
    {"field": "rating_average", "op": "<", "value": 450},
    {"field": "to_next_tier_share", "op": "<=", "value": 1500},
    {"field": "field_date", "op": ">=", "value": "2026-06-01", "key": "renewal"},
    {"field": "field_days_until", "op": "=", "value": -3, "key": "renewal"},
    {"field": "bought", "op": "=", "value": 0, "category": "масло", "days": 180},
    {"all": [{"segment": "at_risk"}, {"not": {"field": "tag", "op": "=", "value": "тихий"}}]},
    {"any": [{"field": "points", "op": ">", "value": 100}, {"segment": "newcomers"}]},
    # Rules inside rules are kept as they are.
    {"all": [{"any": [{"segment": "vip"}, {"segment": "lost"}]}, {"segment": "active"}]},
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", range(len(RULES)))
def test_rules_survive_their_rows(number: int, language: str) -> None:
    form, rule = Form(), RULES[number]
    rule_form.fill(form, "rule", rule, language)
    read = rule_form.read(form, "rule", translator(language))
    assert form.problems == {}
    assert read is not None
    assert rule_form.parsed(read) == rule_form.parsed(rule)


def test_what_does_not_fit_is_told_at_its_field() -> None:
    form, t = Form(), translator("en")
    rule_form.fill(form, "rule", {"field": "orders", "op": ">=", "value": 3}, "en")
    form.put("rule.0.value", "many")
    assert rule_form.read(form, "rule", t) is None
    assert form.problems == {"rule.0.value": "This does not fit here."}
    form.problems.clear()
    form.put("rule.0.value", "")
    assert rule_form.read(form, "rule", t) is None
    assert form.problems == {"rule.0.value": "Fill this in."}


def test_a_new_step_never_takes_the_name_of_an_old_one() -> None:
    document: dict[str, Any] = {"steps": [], "trigger": {"kind": "expiry"}}
    ids = [chains_steps.add(document, kind, after=None) for kind in chains_steps.KINDS]
    assert len(set(ids)) == len(chains_steps.KINDS)
    assert [step["id"] for step in document["steps"]] == ids
    # A message about a day is good until that day ends.
    assert document["steps"][0]["lifetime_hours"] is None
    assert chains_steps.move(document, str(ids[1]), -1)
    assert not chains_steps.move(document, str(ids[1]), -1)
    assert [step["id"] for step in document["steps"]][:2] == [ids[1], ids[0]]
    assert chains_steps.remove(document, str(ids[1]))
    assert not chains_steps.remove(document, str(ids[1]))
    assert chains_steps.add(document, "bomb", after=None) is None


def test_every_start_makes_a_trigger() -> None:
    t = translator("ru")
    for start, (_, meant) in chains_parts.STARTS.items():
        document = {"title": {"ru": "а", "en": "a"}, "trigger": meant, "steps": []}
        Definition.model_validate(document)
        assert chains_parts.start_of(meant) == start
        form = chains_parts.fill("trigger", {"trigger": {"kind": "silence", "days": 5}}, "ru")
        form.put("start", start)
        old = {"trigger": {"kind": "segment", "rule": {"segment": "vip"}}}
        made = chains_parts.read("trigger", form, old, t)
        if start != "segment":
            assert made["trigger"] == meant
