"""Where a promotion's days stand: ahead, going on, or over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from loyalty.promotions.model import Conditions

Term = Literal["ahead", "now", "over"]


def term_of(when: Conditions, local: datetime) -> Term:
    """Whether the days of ``when`` are still ahead, have begun, or are over at ``local``.

    ``local`` is the business's own time. On the last day it is over once its hours are; hours
    that cross midnight last into the small hours that follow.
    """
    day, minute = local.date(), local.hour * 60 + local.minute
    if when.starts_on is not None and day < when.starts_on:
        return "ahead"
    if when.ends_on is None or day < when.ends_on:
        return "now"
    end = when.to_minute
    crosses = end is not None and end < (when.from_minute or 0)
    if day == when.ends_on:
        return "over" if end is not None and not crosses and minute >= end else "now"
    if crosses and end is not None and day == when.ends_on + timedelta(days=1) and minute < end:
        return "now"
    return "over"
