"""The published cases beside the project, and which test goes with which of them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any, TypeVar

import pytest

from loyalty import clock
from tests.world import ZONE

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "cases"
MISSING = "the published cases (../shared/cases) are not beside the project"
needs_cases = pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING)

COVERED: set[str] = set()
"""Ids of shown.json and names of scenarios.tsv that a test goes with."""

NOT_OURS = {
    "with_code_rule": "points never depend on a code: codes take money off, promotions give points",
    "nominative_programs": "no rewards sold by the batch: a point is worth 1.00, any number goes",
    "S10": "the RFM map, not points: a report's case",
    "S11": "cohorts, not points: a report's case",
    "S12": "a campaign's holdout, not points: an experiment's case",
    "S13": "intervals of proportions: an experiment's case",
    "S14": "sample sizes and ratios: an experiment's case",
    "S15": "expected lifetime value: a report's case",
}
"""Lines that the rules of the program say nothing about, and why."""


@dataclass(frozen=True)
class Scenario:
    """A line of scenarios.tsv."""

    source: str
    name: str
    given: str
    expected: str

    @property
    def numbers(self) -> list[int]:
        """The whole numbers that are expected, without those that are parts of dates."""
        plain = re.sub(r"\d{4}-\d\d-\d\d", "", self.expected)
        return [int(found) for found in re.findall(r"-?\d+", plain)]


def scenarios() -> dict[str, Scenario]:
    """The lines of scenarios.tsv by the name of their test; none if the file is not there."""
    if not FOLDER.is_dir():
        return {}
    with (FOLDER / "scenarios.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {
            row["test"]: Scenario(row["source"], row["test"], row["given"], row["expected"])
            for row in rows
        }


def shown() -> dict[str, dict[str, Any]]:
    """The cases of shown.json by id; none if the file is not there."""
    if not FOLDER.is_dir():
        return {}
    cases = json.loads((FOLDER / "shown.json").read_text(encoding="utf-8"))
    return {case["id"]: case for case in cases}


F = TypeVar("F", bound=Callable[..., Any])


def covers(*names: str) -> Callable[[F], F]:
    """Say which published cases a test goes with; it is skipped where they are not."""
    COVERED.update(names)
    return needs_cases


def instant(day: str) -> datetime:
    """The beginning of a day in the business zone."""
    return clock.local_instant(datetime.fromisoformat(day).date(), time(0), ZONE)
