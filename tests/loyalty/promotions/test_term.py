"""Where a promotion's days stand."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from loyalty.promotions import Conditions, term_of

DAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("when", "moment", "term"),
    [
        ({}, "2026-12-01 12:00", "now"),
        ({"starts_on": DAY}, "2026-11-30 23:59", "ahead"),
        ({"starts_on": DAY, "from_minute": 600}, "2026-12-01 00:00", "now"),
        ({"ends_on": DAY}, "2026-12-01 23:59", "now"),
        ({"ends_on": DAY}, "2026-12-02 00:00", "over"),
        ({"ends_on": DAY, "to_minute": 660}, "2026-12-01 10:59", "now"),
        ({"ends_on": DAY, "to_minute": 660}, "2026-12-01 11:00", "over"),
        # The small hours belong to the evening they follow.
        ({"ends_on": DAY, "from_minute": 1320, "to_minute": 120}, "2026-12-01 03:00", "now"),
        ({"ends_on": DAY, "from_minute": 1320, "to_minute": 120}, "2026-12-02 01:59", "now"),
        ({"ends_on": DAY, "from_minute": 1320, "to_minute": 120}, "2026-12-02 02:00", "over"),
        ({"ends_on": DAY, "from_minute": 1320, "to_minute": 120}, "2026-12-03 01:00", "over"),
    ],
)
def test_term(when: dict[str, object], moment: str, term: str) -> None:
    assert term_of(Conditions.model_validate(when), datetime.fromisoformat(moment)) == term
