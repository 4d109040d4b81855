"""Every code has words of its own: reasons, problems, variables, tests, steps, triggers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from admin import chains_message_form, rule_form
from admin.chains_reasons import (
    OUTCOMES,
    REASONS,
    known_problem,
    say_outcome,
    say_problem,
    say_reason,
)
from admin.chains_trying import decided
from admin.chains_variables import (
    FALLBACKS,
    VARIABLES,
    bubble,
    buttons,
    clean,
    known_of,
    told,
    told_shortly,
)
from admin.chains_words import KINDS, TESTS, ChainSayer
from admin.words import CHAIN_NAMES
from loyalty.chains.model import URGENCIES, Definition, Test
from loyalty.chains.shipped import SHIPPED
from loyalty.messaging import placeholders
from loyalty.messaging.tables import outbox
from loyalty.reports import chain_figures
from loyalty.texts import LANGUAGES, translator

ROOT = Path(__file__).parents[3]
_SAID = re.compile(
    r"""(?:Skip|Gone|HeldOut)\(\s*"(\w+)"
    | Wait\([^"()]*(?:\([^()]*\))?[^"()]*"(\w+)"
    | ,\s*"(cap_\w+)"
    | reason\s*=\s*"(\w+)"
    | "reason":\s*"(\w+)"
    | _end\([^")]*"exited",\s*"(\w+)"
    """,
    re.VERBOSE,
)
_PROBLEM = re.compile(r"""(?:"problem":\s*|yield\s+f?|problem\s+or\s+f)f?"([a-z_]+)""")


def _codes(*folders: str) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for hit in _SAID.finditer(path.read_text()):
                found.add(next(code for code in hit.groups() if code))
    return found


def test_every_reason_in_the_code_has_words() -> None:
    codes = _codes("loyalty/messaging", "loyalty/chains", "loyalty/delivery")
    assert {"no_consent", "unreachable", "cap_day", "quiet_hours", "late"} <= codes
    assert codes - set(REASONS) == set()
    assert set(get_args(Test)) - set(REASONS) == set()
    states = re.findall(r"'(\w+)'", str(next(
        c.sqltext for c in outbox.constraints if str(c.name).endswith("state")
    )))  # fmt: skip
    ends = set(states) - {"queued", "claimed", "sending", "sent"}
    assert ends - set(REASONS) == set()
    assert set(chain_figures.STOPPED) <= ends


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_reason_is_told_as_a_code(language: str) -> None:
    t = translator(language)
    for code in (*REASONS, "rule:1", "a_new_one"):
        said = str(say_reason(t, code))
        assert said, code
        assert "_" not in said, code
    assert say_reason(t, None) is None
    assert set(OUTCOMES) == set(chain_figures.OUTCOMES)
    for kind in ("message", "gift", "tag", "task", "webhook"):
        assert all(decided(t, one, kind)[0] for one in ("send", "wait", "skipped", "held_out"))


def test_a_gift_is_given_and_a_message_is_sent() -> None:
    t = translator("en")
    ended = {"done": "gift given", "skipped": "gift not given"}
    for outcome, said in ended.items():
        assert str(say_outcome(t, outcome, "gift")) == said
    for kind in ("tag", "task", "webhook"):
        assert str(say_outcome(t, "skipped", kind)) == "not done"
    for kind in ("trigger", "message", "mass"):
        assert str(say_outcome(t, "skipped", kind)) == "not sent"
    assert str(decided(t, "skipped", "gift")[0]) == "gift not given"
    assert str(decided(t, "send", "gift")[0]) == "the gift is given"
    assert str(translator("ru")("gift not given")) == "подарок не вручён"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_words(language: str) -> None:
    t, codes = translator(language), set[str]()
    for path in ("chains/checking.py", "messaging/placeholders.py", "chains/editing.py"):
        codes |= set(_PROBLEM.findall((ROOT / "loyalty" / path).read_text()))
    codes -= {"language_missing"}
    codes |= {f"language_missing:{one}" for one in LANGUAGES}
    assert {"leads_back", "unknown_tag", "unreachable"} <= codes
    for code in codes:
        full = f"{code}:x" if code.startswith(("unknown_tag", "unclosed", "fallback")) else code
        assert known_problem(full), code
        said = str(say_problem(t, full))
        assert said, code
        assert "_" not in said, code
    for code in rule_form.PROBLEMS:
        assert rule_form.say_problem(t, code)
    checked = (ROOT / "loyalty/segments/checking.py").read_text()
    told = set(re.findall(r"``(\w+)``", checked.partition("Raises:")[2].partition('"""')[0]))
    assert {"malformed", "unknown_field", "out_of_range"} <= told
    parts = {"problems", "field", "problem"}
    assert {code for code in told - parts if code not in rule_form.PROBLEMS} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_variable_has_a_name_and_an_example(language: str) -> None:
    t = translator(language)
    assert set(placeholders.VARIABLES) <= set(VARIABLES)
    offered = buttons(t, language)
    assert len(offered) == len(placeholders.VARIABLES)
    for inserted, label in offered:
        assert label
        assert list(placeholders.problems_of(inserted)) == [], inserted
    assert set(placeholders.MAY_BE_EMPTY) <= set(FALLBACKS)


def test_a_bubble_shows_only_what_telegram_knows() -> None:
    shown = bubble("<b>{name|friend}</b> <script>alert(1)</script> {code}", "en")
    anna, code = (f'<span class="example">{one}</span>' for one in ("Anna", "K7PM-4X2Q"))
    assert shown == f"<b>{anna}</b> alert(1) {code}"
    assert clean('<a href="javascript:x" onclick="y">here</a> 1 < 2 &amp; <b>open') == (
        "<u>here</u> 1 &lt; 2 &amp; <b>open</b>"
    )


def test_a_summary_shows_examples_that_can_be_seen_to_be_examples() -> None:
    text = "<b>{name|friend}</b>, do not lose {expiring}! 1 &lt; 2"
    said = told(text, "en")
    assert said == (
        '<span class="example">Anna</span>, do not lose '
        '<span class="example">120 points</span>! 1 &lt; 2'
    )
    assert told_shortly(text, "ru", width=20).striptags() == "Анна, do not lose…"
    assert told_shortly(text, "ru", width=20).count("span>") == 1
    assert told_shortly("{name|friend}", "en", width=4) == '<span class="example">Anna</span>'
    assert told_shortly(text, "en", known_of("Pavel Dub"), width=12) == "Pavel, do n…"
    assert told("{name|friend}", "en", known_of(None)) == "friend"
    assert told("{name|friend}", "en", known_of("<i>")) == "&lt;i&gt;"
    assert "\ue000" not in told("\ue000{name|x}\ue001", "en")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", SHIPPED)
def test_no_summary_has_a_hole_where_a_value_stands(key: str, language: str) -> None:
    definition = SHIPPED[key]
    says = ChainSayer(translator(language), currency="RUB", rule=lambda _: "a rule", cards={})
    names = says.names(definition)
    for line in says.lines(definition):
        if line.kind != "message":
            continue
        assert "…" not in line.text
        assert "{" not in line.text
        short = names[line.step_id].striptags().partition(": ")[2]
        assert len(short) <= 34
    assert says.of_somebody(definition, "nothing", "Ivan") is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", SHIPPED)
def test_every_shipped_chain_can_be_told(key: str, language: str) -> None:
    t, definition = translator(language), SHIPPED[key]
    says = ChainSayer(t, currency="RUB", rule=lambda _: "…", cards={})
    told = [
        str(says.trigger(definition.trigger)),
        says.about(definition),
        str(says.re_entry(definition)),
        str(says.control(definition, 1000)),
        *says.exits(definition),
    ]
    for line in says.lines(definition):
        told += [str(line.title), *map(str, line.notes)]
    for said in told:
        assert said.strip()
        if language == "ru":
            assert re.search("[а-яё…]", said, re.IGNORECASE), said


def test_times_are_told_as_people_say_them() -> None:
    document = {
        "title": {"ru": "Проба", "en": "Try"},
        "trigger": {"kind": "event", "event": "purchase.recorded", "occurrence": "purchase"},
        "steps": [
            {"kind": "wait", "days": 2, "since": "start"},
            {"kind": "wait_hour", "hour": 10},
            {"kind": "tag", "tag": "x"},
            {"kind": "wait", "hours": 1, "minutes": 30},
            {"kind": "wait_hour", "hour": 18, "weekday": 5},
            {"kind": "tag", "tag": "y"},
        ],
    }
    definition = Definition.model_validate(document)
    russian = ChainSayer(translator("ru"), currency="RUB", rule=str, cards={})
    assert [str(line.title) for line in russian.lines(definition) if line.kind == "wait"] == [
        "через 2 дня после начала, в 10:00 у клиента",
        "через 1 час 30 минут, пятница, в 18:00 у клиента",
    ]
    assert str(russian.trigger(definition.trigger)) == "после каждой покупки"
    english = ChainSayer(translator("en"), currency="RUB", rule=str, cards={})
    assert [str(line.title) for line in english.lines(definition) if line.kind == "wait"] == [
        "2 days after the beginning, at 10:00 where the customer is",
        "1 hour 30 minutes later, Friday, at 18:00 where the customer is",
    ]


def test_choices_cover_the_model() -> None:
    assert set(get_args(Test)) == set(TESTS)
    assert set(URGENCIES) - {"other"} <= set(CHAIN_NAMES)
    assert len(KINDS) == 9
    assert set(chains_message_form.SCREENS) >= {"card", "balance", "offers"}
