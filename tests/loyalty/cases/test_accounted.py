"""Every published case is played, or left out for a reason that is written down."""

from __future__ import annotations

import importlib

import pytest

from tests.loyalty.cases.published import COVERED, NOT_OURS, needs_cases, scenarios, shown

for _name in ("test_ledger_cases", "test_receipt_cases"):
    importlib.import_module(f"tests.loyalty.cases.{_name}")


@needs_cases
def test_every_line_of_both_files_is_accounted_for() -> None:
    published = {*scenarios(), *shown()}
    assert len(published) == len(scenarios()) + len(shown())
    assert published == COVERED | set(NOT_OURS)


@needs_cases
@pytest.mark.parametrize("name", sorted(NOT_OURS))
def test_what_is_left_out_has_a_reason_and_no_test(name: str) -> None:
    assert name not in COVERED
    assert len(NOT_OURS[name].split()) > 4
    assert name in {*scenarios(), *shown()}
