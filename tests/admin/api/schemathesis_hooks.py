"""Loaded by schemathesis in its own process: every good request gets a key of its own.

Otherwise requests of one operation share one drawn key, and all but the first are answered 422
for it, as they should be, without ever being handled.
"""

from __future__ import annotations

import uuid
from typing import Any

import schemathesis


@schemathesis.hook
def before_call(_context: Any, case: Any, **_options: Any) -> None:
    """A new name for a request that has one."""
    meta = case.meta
    good = meta is not None and meta.generation.mode.is_positive
    if good and case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
