"""A shop's own fields of a guest: when the insurance ends, the make of the car, one of a list.

What there is, is defined by events (``field.defined``): the first of a key tells its kind, the
last one its name and choices. Values stand in ``customer.fields`` as JSON: a date as
``YYYY-MM-DD``, a whole number as a number, everything else as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.customers.people import ERASED
from loyalty.customers.tables import customer
from loyalty.db.fast import is_postgres
from loyalty.db.rows import Rows
from loyalty.errors import CustomerNotFound, OwnFieldInvalid, OwnValueInvalid
from loyalty.texts import N_, Translator

Kind = Literal["date", "number", "text", "choice"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Value = str | int

MOST_FIELDS = 40
MOST_CHOICES = 50
LONGEST_LABEL = 60
LONGEST_TEXT = 200
LARGEST = 1_000_000_000_000

_KEY = re.compile(r"[a-z0-9_]{1,40}")
_DAY = re.compile(
    r"(?:(?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].*)?"
    r"|(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})(?: .*)?)"
)
_WHOLE = re.compile(r"[-+\u2212]?[0-9]{1,3}(?:[ \u00a0\u202f]?[0-9]{3})*|[-+\u2212]?[0-9]{1,13}")
_TYPE = "field.defined"


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field: ``label`` is what the shop calls it, None for one that came with the program."""

    key: str
    kind: Kind
    label: str | None = None
    choices: tuple[str, ...] = ()

    def title(self, _: Translator) -> str:
        """What to call it in front of a person."""
        if self.label is not None:
            return self.label
        return str(_(SHIPPED_LABELS[self.key])) if self.key in SHIPPED_LABELS else self.key


SHIPPED_LABELS: Mapping[str, str] = {"renewal": N_("Renewal date")}
SHIPPED: tuple[OwnField, ...] = (OwnField("renewal", "date"),)
"""What the chains that come with the program ask about."""


def clean_key(text: str) -> str | None:
    """A key as it is kept, small letters; None for what cannot be one."""
    key = text.strip().lower()
    return key if _KEY.fullmatch(key) else None


def own_fields(session: Session) -> dict[str, OwnField]:
    """Every field there is, by key: those of the program first, then in the order they came."""
    found = {one.key: one for one in SHIPPED}
    query = (
        sa.select(events.event.c.data)
        .where(events.event.c.type == _TYPE)
        .order_by(events.event.c.id)
    )
    for data in session.execute(query).scalars():
        key = data["key"]
        kind: Kind = found[key].kind if key in found else data["kind"]
        found[key] = OwnField(key, kind, data["label"], tuple(data.get("choices") or ()))
    return found


def define_field(
    session: Session,
    *,
    key: str,
    kind: str,
    label: str,
    choices: Sequence[str] = (),
    actor: str,
    now: datetime,
) -> OwnField:
    """Add a field, or give one another name and other choices; an event tells who did.

    Raises:
        OwnFieldInvalid: ``key``, ``kind``, ``label`` or ``choices`` cannot be so, it is another
            kind of field already (``other_kind``), or there are too many (``too_many``).
    """
    kept, known = clean_key(key), own_fields(session)
    named = " ".join(label.split()) or (kept or "")
    listed = tuple(dict.fromkeys(" ".join(one.split()) for one in choices if one.strip()))
    problem = None
    if kept is None:
        problem = "key"
    elif kind not in KINDS:
        problem = "kind"
    elif len(named) > LONGEST_LABEL or not named.isprintable():
        problem = "label"
    elif kind == "choice" and not _fit(listed):
        problem = "choices"
    elif kept in known and known[kept].kind != kind:
        problem = "other_kind"
    elif kept not in known and len(known) >= MOST_FIELDS:
        problem = "too_many"
    if problem is not None or kept is None:
        raise OwnFieldInvalid(problem=problem, key=key.strip()[:40], limit=MOST_FIELDS)
    made = OwnField(
        kept,
        next(one for one in KINDS if one == kind),
        named,
        listed if kind == "choice" else (),
    )
    if known.get(kept) == made:
        return made
    data: dict[str, Any] = {"key": kept, "kind": kind, "label": named}
    if made.choices:
        data["choices"] = list(made.choices)
    _note(session, _TYPE, None, actor, data, now)
    return made


def _fit(choices: Sequence[str]) -> bool:
    longest = max((len(one) for one in choices), default=0)
    return 1 <= len(choices) <= MOST_CHOICES and longest <= LONGEST_LABEL


def read_value(field: OwnField, text: str) -> Value:
    """What was typed or read from a file as the field keeps it.

    Raises:
        OwnValueInvalid: it is not of the field's kind.
    """
    cleaned = " ".join(text.split())
    value: Value | None
    if field.kind == "date":
        value = read_day(cleaned)
    elif field.kind == "number":
        value = read_whole(cleaned)
    elif field.kind == "choice":
        value = next((one for one in field.choices if one.lower() == cleaned.lower()), None)
    else:
        value = cleaned if 0 < len(cleaned) <= LONGEST_TEXT and cleaned.isprintable() else None
    if value is None:
        raise OwnValueInvalid(field=field.label or field.key, kind=field.kind, limit=LONGEST_TEXT)
    return value


def read_day(text: str) -> str | None:
    """``2027-05-31`` or ``31.05.2027``, with or without a time, as the first; None: no day."""
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    try:
        if found["iso"]:
            day = date.fromisoformat(found["iso"])
        else:
            day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return None
    return day.isoformat() if 1900 <= day.year <= 2199 else None


def read_whole(text: str) -> int | None:
    """A whole number, also ``12 000``; None: no such number."""
    if not _WHOLE.fullmatch(text):
        return None
    number = int(re.sub(r"[^0-9-]", "", text.replace("\u2212", "-")))
    return number if abs(number) <= LARGEST else None


def kind_of(value: object) -> Kind:
    """What a value that nobody has defined looks like."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "number"
    return "date" if read_day(str(value)) is not None else "text"


def set_own_field(
    session: Session, *, customer_id: int, key: str, text: str | None, actor: str, now: datetime
) -> bool:
    """Keep what a guest's own field is; None or nothing clears it. False if nothing changed.

    The event names the field, never what stands in it.

    Raises:
        CustomerNotFound: there is no such customer, or they were erased.
        OwnFieldInvalid: there is no such field.
        OwnValueInvalid: the text is not of its kind.
    """
    held = sa.select(customer.c.fields).where(
        customer.c.id == customer_id, customer.c.status != ERASED
    )
    # All fields are one document, so two changes at once wait for one another.
    row = session.execute(held.with_for_update(key_share=True)).one_or_none()
    if row is None:
        raise CustomerNotFound()
    old: dict[str, Any] = dict(row.fields or {})
    known, new = own_fields(session), dict(old)
    if text is None or not text.strip():
        new.pop(key, None)
    elif key in known:
        new[key] = read_value(known[key], text)
    elif key in old:
        new[key] = read_value(OwnField(key, kind_of(old[key])), text)
    else:
        raise OwnFieldInvalid(problem="unknown", key=key[:40], limit=MOST_FIELDS)
    if new == old:
        return False
    session.execute(
        sa.update(customer).where(customer.c.id == customer_id).values(fields=new or None)
    )
    kind = "customer.field_set" if key in new else "customer.field_cleared"
    _note(session, kind, customer_id, actor, {"field": key[:40]}, now)
    return True


def carry_own_fields(session: Session, *, from_id: int, to_id: int) -> None:
    """What stands on a card that was claimed stands on the member's; theirs goes first."""
    query = sa.select(customer.c.id, customer.c.fields).where(customer.c.id.in_([from_id, to_id]))
    held = query.order_by(customer.c.id).with_for_update(key_share=True)
    found: dict[int, dict[str, Any]] = {
        row.id: dict(row.fields or {}) for row in session.execute(held)
    }
    both = {**found.get(from_id, {}), **found.get(to_id, {})}
    if both != found.get(to_id, {}):
        session.execute(sa.update(customer).where(customer.c.id == to_id).values(fields=both))


def own_values(session: Session, customer_id: int) -> list[tuple[OwnField, Any]]:
    """Every field with this guest's value, None where there is none; also of values nobody has
    defined a field for."""
    query = sa.select(customer.c.fields).where(customer.c.id == customer_id)
    values: dict[str, Any] = dict(session.execute(query).scalar_one_or_none() or {})
    known = own_fields(session)
    loose = {key: OwnField(key, kind_of(values[key])) for key in sorted(values) if key not in known}
    return [(one, values.get(key)) for key, one in {**known, **loose}.items()]


def fields_in_use(session: Session) -> list[OwnField]:
    """The fields that at least one guest has a value of, by key. Reads every guest: for files."""
    there = (customer.c.fields.is_not(None), customer.c.status != ERASED)
    if is_postgres(session):
        key = sa.func.jsonb_object_keys(customer.c.fields)
        query = sa.select(key.label("key")).where(*there)
    else:
        parts = sa.func.json_each(customer.c.fields).table_valued("key")
        query = sa.select(parts.c.key).select_from(customer).join(parts, sa.true()).where(*there)
    keys = sorted(set(session.execute(query.distinct()).scalars()))
    known = own_fields(session)
    # Values that came some other way are taken for text: any of them is.
    return [known.get(key, OwnField(key, "text")) for key in keys]


def anybody_has(session: Session, key: str, *, kind: Kind) -> bool:
    """Whether some guest has a value of this field; of dates, one that can be read."""
    if is_postgres(session):
        value: sa.ColumnElement[Any] = customer.c.fields.op("->>", return_type=sa.Text())(
            sa.literal(key, sa.Text)
        )
    else:
        document = sa.type_coerce(customer.c.fields, sa.Text)
        value = sa.func.json_extract(document, sa.literal(f'$."{key}"', sa.Text))
    found = [customer.c.fields.is_not(None), customer.c.status != ERASED, value.is_not(None)]
    if kind == "date":
        found.append(sa.cast(value, sa.Text).like("____-__-__%"))
    return session.execute(sa.select(customer.c.id).where(*found).limit(1)).first() is not None


def _note(
    session: Session,
    type: str,
    customer_id: int | None,
    actor: str,
    data: Mapping[str, Any],
    now: datetime,
) -> None:
    rows = Rows()
    events.record(rows, type=type, customer_id=customer_id, actor=actor, data=data, now=now)
    rows.put(session)
