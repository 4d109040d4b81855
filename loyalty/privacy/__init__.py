"""A person's rights to their own data: to see it, to take it along, to have it erased.

``held`` says what is kept in a few figures, ``export`` gives all of it, ``ask_erasure`` and
``keep_card`` open and close the days of thinking it over, ``erase_due`` erases whose days are
over. What is wiped where, and what stays under a pseudonym, is told in
``docs/decisions/0016-erasure-under-a-pseudonym.md``.
"""

from loyalty.privacy.asking import (
    Asked,
    Waiting,
    ask_erasure,
    asked,
    keep_card,
    next_due,
    waiting,
)
from loyalty.privacy.erasing import Done, erase, erase_due
from loyalty.privacy.exporting import EXPORTS_A_DAY, export, take_export
from loyalty.privacy.held import Agreed, Held, agreed_text, held

__all__ = [
    "EXPORTS_A_DAY",
    "Agreed",
    "Asked",
    "Done",
    "Held",
    "Waiting",
    "agreed_text",
    "ask_erasure",
    "asked",
    "erase",
    "erase_due",
    "export",
    "held",
    "keep_card",
    "next_due",
    "take_export",
    "waiting",
]
