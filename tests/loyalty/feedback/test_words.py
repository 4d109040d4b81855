"""Words people write: what is kept of them, and what counts as nothing."""

from __future__ import annotations

import pytest

from loyalty.errors import WordsInvalid
from loyalty.feedback.words import clean_words


def test_marks_that_turn_the_text_round_are_left_out() -> None:
    assert clean_words(" \u202eCold\u2069 coffee\x00 ") == "Cold coffee"
    assert clean_words("кофе 👨\u200d👩\u200d👧") == "кофе 👨\u200d👩\u200d👧"


@pytest.mark.parametrize("nothing", ["", " \n", "\u200b", "\u202e\u202c", "\ufeff\u2060"])
def test_what_cannot_be_seen_is_nothing(nothing: str) -> None:
    with pytest.raises(WordsInvalid) as refused:
        clean_words(nothing)
    assert refused.value.facts["length"] == 0
