"""Codes are found however they are typed, and random ones cannot be guessed or misread."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty import errors
from loyalty.vouchers import codes


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("spring10", "SPRING10"),
        (" Spring - 10 ", "SPRING10"),
        ("СПРИНГ—10", "СПРИНГ10"),
        ("весна", "ВЕСНА"),
        ("ёлка", "ЕЛКА"),
        ("cdfh\u00a0jkmn\u20112346", "CDFHJKMN2346"),
        ("ＡＢＣ１", "ABC1"),
    ],
)
def test_case_spaces_and_dashes_do_not_matter(typed: str, kept: str) -> None:
    assert codes.normalize(typed) == kept
    assert codes.chosen(typed) == kept


@pytest.mark.parametrize("typed", ["", "ab", "- -", "10%", "a'b;c", "x" * 33, "a\x00bc", "🎁🎁🎁"])
def test_what_is_no_code_is_refused(typed: str) -> None:
    assert codes.normalize(typed) == ""
    with pytest.raises(errors.VoucherCodeInvalid):
        codes.chosen(typed)


@given(st.text(max_size=200))
def test_any_text_is_read_and_reading_again_changes_nothing(text: str) -> None:
    code = codes.normalize(text)
    assert code == "" or codes.normalize(code) == code
    assert len(code) <= codes.MAXIMUM
    assert "\x00" not in code


def test_random_codes_have_fifty_bits_and_no_twins() -> None:
    assert codes.COUPON_LENGTH * math.log2(len(codes.ALPHABET)) >= 50
    assert codes.GIFT_CARD_LENGTH == 16
    for pair in ("0O", "1I", "1L", "2Z", "5S", "8B", "6G", "UV", "IL"):
        assert not set(pair) <= set(codes.ALPHABET), pair
    drawn = {codes.draw() for _ in range(2000)}
    assert len(drawn) == 2000
    assert all(codes.normalize(code) == code for code in drawn)


def test_a_random_code_is_read_out_in_fours_a_word_is_not() -> None:
    assert codes.grouped("CDFHJKMN2346") == "CDFH-JKMN-2346"
    assert codes.normalize(codes.grouped("CDFHJKMN2346")) == "CDFHJKMN2346"
    assert codes.grouped("SPRINGSPRING") == "SPRINGSPRING"
