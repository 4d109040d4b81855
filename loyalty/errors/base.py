"""What an error is: a code and facts, in one of four families.

Each face turns ``code`` and ``facts`` into its own answer (a sentence in the customer's
language, an HTTP problem). Four families say what kind of answer is due.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


def _code_of(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class DomainError(Exception):
    """A refusal of the domain; ``facts`` are safe to show to the person who asked."""

    code: ClassVar[str] = "domain_error"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(f"{self.code} {facts}" if facts else self.code)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = _code_of(cls.__name__)


class NotFound(DomainError):
    """There is no such thing."""


class Conflict(DomainError):
    """It was possible a moment ago, or will be; the state of things forbids it now."""


class NotAllowed(DomainError):
    """Who asks may not do this."""


class Invalid(DomainError):
    """What was asked makes no sense."""


def all_codes() -> dict[str, type[DomainError]]:
    """Every error a face must be able to put into words, by code."""
    found: dict[str, type[DomainError]] = {}
    families = (NotFound, Conflict, NotAllowed, Invalid)
    stack: list[type[DomainError]] = list(families)
    while stack:
        cls = stack.pop()
        stack.extend(cls.__subclasses__())
        if cls not in families:
            found[cls.code] = cls
    return found
