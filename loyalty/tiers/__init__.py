"""Tiers: by net spend in rolling 12 months; up at once, down only after a warning.

``levels`` are the pure sums a sale needs; ``review`` warns, lowers, lifts and mends; ``grant``
gives a tier by hand, ``lift`` by what was bought; ``progress`` says how far somebody is;
``timing`` when reviews are due.
"""

from loyalty.tiers.granting import REASONS, grant
from loyalty.tiers.levels import after_sale, change, order, reached, window_start
from loyalty.tiers.lifting import lift
from loyalty.tiers.progress import Progress, bar, progress, progress_line
from loyalty.tiers.review import Reviewed, Warned, review, review_day, warn
from loyalty.tiers.timing import REVIEW, WARNING, last_review, last_warning, next_due

__all__ = [
    "REASONS",
    "REVIEW",
    "WARNING",
    "Progress",
    "Reviewed",
    "Warned",
    "after_sale",
    "bar",
    "change",
    "grant",
    "last_review",
    "last_warning",
    "lift",
    "next_due",
    "order",
    "progress",
    "progress_line",
    "reached",
    "review",
    "review_day",
    "warn",
    "window_start",
]
