"""Dry runs: past purchases replayed by other rules, beside the same replay by those in force.

``asking`` keeps the questions and their answers, ``running`` has them replayed by a process of
its own (``child``), ``walking`` goes through the purchases, ``replay`` prices one of them with
the functions of the sale.
"""

from loyalty.dryrun.asking import (
    CANCELLED,
    DONE,
    FAILED,
    PROGRAM,
    PROMOTION,
    QUEUED,
    RUNNING,
    Run,
    ask_program,
    ask_promotion,
    cancel,
    get,
    in_force,
    latest,
)
from loyalty.dryrun.model import Bought, Outcome, Question, Rules
from loyalty.dryrun.tables import dry_run
from loyalty.dryrun.walking import replay

__all__ = [
    "CANCELLED",
    "DONE",
    "FAILED",
    "PROGRAM",
    "PROMOTION",
    "QUEUED",
    "RUNNING",
    "Bought",
    "Outcome",
    "Question",
    "Rules",
    "Run",
    "ask_program",
    "ask_promotion",
    "cancel",
    "dry_run",
    "get",
    "in_force",
    "latest",
    "replay",
]
