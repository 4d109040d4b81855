"""The call list: what somebody of the staff is to do for a customer, and what came of it.

``open``: a task that is there once, whoever asks twice. ``listing``, ``counts``, ``get``: what
waits. ``assign``, ``close``, ``drop``: who takes it, and how it ended.
"""

from loyalty.tasks.listing import PAGE, Task, counts, get, listing
from loyalty.tasks.working import (
    DONE,
    DROPPED,
    NOTE_LIMIT,
    OPEN,
    OUTCOMES,
    STATUSES,
    Outcome,
    assign,
    close,
    drop,
    open,
)

__all__ = [
    "DONE",
    "DROPPED",
    "NOTE_LIMIT",
    "OPEN",
    "OUTCOMES",
    "PAGE",
    "STATUSES",
    "Outcome",
    "Task",
    "assign",
    "close",
    "counts",
    "drop",
    "get",
    "listing",
    "open",
]
