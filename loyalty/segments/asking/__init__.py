"""The SQL of every field: a condition in, a yes or no about each customer out, never NULL.

``base`` has the shapes, the rest one group of fields each. ``ASKED`` maps a field to what asks it.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from loyalty.segments.asking import buying, custom, owning, profile, telling
from loyalty.segments.asking.base import Around
from loyalty.segments.rules import Is

Asks = Callable[[Is, Around], sa.ColumnElement[bool]]

ASKED: dict[str, Asks] = {
    **profile.ASKED,
    **buying.ASKED,
    **owning.ASKED,
    **telling.ASKED,
    **custom.ASKED,
}
"""What asks each field of ``segments.FIELDS``."""
