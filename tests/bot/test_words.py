"""Every refusal of the domain has a sentence in every language."""

from datetime import UTC, datetime

import pytest

from bot.words import known_codes, sentence
from loyalty import texts
from loyalty.errors import RedemptionFrozen, all_codes

FACTS = {
    "insufficient_points": {"available": 3, "requested": 5},
    "amount_out_of_range": {"minimum": 1, "maximum": 100_000},
    "redemption_too_large": {"max_redeem": 5, "requested": 9, "reason": "share"},
    "redemption_frozen": {"until": datetime(2026, 5, 1, tzinfo=UTC), "reason": "new_telegram"},
    "too_many_tries": {"retry_after_s": 42},
    "password_too_short": {"minimum": 10},
}


def test_no_code_is_forgotten() -> None:
    assert known_codes() == set(all_codes())


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("code", sorted(all_codes()))
def test_every_code_is_worded(code: str, language: str) -> None:
    error = all_codes()[code](**FACTS.get(code, {}))
    said = sentence(texts.translator(language), error)
    assert len(said) > 10
    assert "{" not in said
    assert code not in said
    if language == "ru":
        assert any("а" <= letter <= "я" for letter in said.lower())
    other = "en" if language == "ru" else "ru"
    assert said != sentence(texts.translator(other), error)


def test_frozen_without_an_end() -> None:
    said = sentence(texts.translator("en"), RedemptionFrozen(until=None, reason="x"))
    assert "manager" in said
