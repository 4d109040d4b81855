"""A rule about customers: a typed tree of and, or, not over conditions on named fields.

``{"all": [RULE, …]}``, ``{"any": [RULE, …]}``, ``{"not": RULE}``, ``{"segment": KEY}`` or
``{"field": NAME, "op": OPERATOR, "value": VALUE, …}``, where some fields take more: ``days`` (a
window that ends now), ``category``, ``sku``, ``name``, ``outlet``, ``key``. Which fields there
are, of which type and with which operators, is in ``loyalty.segments.catalogue``.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

Value = bool | int | str | tuple[int | str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True
    )


class Is(_Part):
    """A condition on one field. Money in minor units, points whole, dates ISO."""

    field: str = Field(min_length=1, max_length=48)
    op: str = Field(default="=", max_length=12)
    value: Value = True
    # Days back from now that count; None: ever.
    days: int | None = Field(default=None, ge=1, le=3650)
    category: str | None = Field(default=None, max_length=64)
    sku: str | None = Field(default=None, max_length=64)
    # Words in the name of the goods, whatever the case.
    name: str | None = Field(default=None, max_length=120)
    # An outlet's id as text: browsers lose the last digits of big numbers.
    outlet: str | None = Field(default=None, max_length=20, pattern=r"^[0-9]{1,19}$")
    # Which of several: a tag, a custom field, a stamp card, a chain.
    key: str | None = Field(default=None, max_length=64)


class InSegment(_Part):
    """Whether the customer is in a ready-made or saved segment."""

    segment: str = Field(min_length=1, max_length=48)


class All(_Part):
    """Every one of them holds; of none, everybody."""

    all: tuple[Rule, ...] = Field(max_length=50)


class AnyOf(_Part):
    """At least one of them holds."""

    any: tuple[Rule, ...] = Field(min_length=1, max_length=50)


class Not(_Part):
    """It does not hold."""

    not_: Rule = Field(alias="not")


Rule = All | AnyOf | Not | InSegment | Is

All.model_rebuild()
AnyOf.model_rebuild()
Not.model_rebuild()
