"""Who a person is: the card's profile, found by id, phone or Telegram account."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.customers.tables import card, customer, telegram_chat
from loyalty.db.rows import Rows
from loyalty.errors import BirthdayInvalid, CustomerNotFound, PhoneInvalid
from loyalty.ids import new_id
from loyalty.tokens import new_pseudonym, new_referral_code

ANONYMOUS, ACTIVE, BLOCKED, ERASED = "anonymous", "active", "blocked", "erased"

_DATE = re.compile(r"^\s*(\d{1,2})[.\-/ ](\d{1,2})(?:[.\-/ ](\d{4}))?\s*(?:г\.?)?\s*$")
_ISO = re.compile(r"^\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*$")
_MAX_AGE_YEARS = 120
_FORCED_DIRECTIONS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as the faces see one. ``birth_year`` may be unknown where the day is known."""

    id: int
    status: str
    name: str | None
    phone: str | None
    language: str
    time_zone: str | None
    home_outlet_id: int | None
    tier: str
    source: str | None
    referral_code: str | None
    birth_day: int | None
    birth_month: int | None
    birth_year: int | None
    birthday_asked_at: datetime | None
    created_at: datetime
    joined_at: datetime | None
    # Asked to be erased: it happens then.
    erase_after: datetime | None = None


FIELDS = tuple(Customer.__dataclass_fields__)
_COLUMNS = [customer.c[name] for name in FIELDS]


def _one(session: Session, condition: sa.ColumnElement[bool]) -> Customer | None:
    row = session.execute(sa.select(*_COLUMNS).where(condition)).one_or_none()
    return None if row is None else Customer(*row)


def get(session: Session, customer_id: int) -> Customer:
    """The customer with that id, whatever their status.

    Raises:
        CustomerNotFound: there is none.
    """
    found = _one(session, customer.c.id == customer_id)
    if found is None:
        raise CustomerNotFound()
    return found


def owner_of(session: Session, customer_id: int) -> int:
    """Whose card that customer's is now: the member's who has claimed it, else their own."""
    query = sa.select(customer.c.merged_into).where(customer.c.id == customer_id)
    owner: int | None = session.execute(query).scalar_one_or_none()
    return customer_id if owner is None else owner


def find_by_telegram(session: Session, telegram_id: int) -> Customer | None:
    """The customer who joined from that Telegram account."""
    query = sa.select(telegram_chat.c.customer_id).where(telegram_chat.c.telegram_id == telegram_id)
    return _one(session, customer.c.id == query.scalar_subquery())


def find_by_phone(session: Session, phone: str) -> Customer | None:
    """The customer with that phone number (as ``normalize_phone`` gives it)."""
    return _one(session, customer.c.phone == phone)


def create(
    rows: Rows,
    *,
    status: str,
    language: str,
    now: datetime,
    name: str | None = None,
    phone: str | None = None,
    phone_hash: str | None = None,
    source: str | None = None,
    time_zone: str | None = None,
    home_outlet_id: int | None = None,
    joined_at: datetime | None = None,
    phone_verified_at: datetime | None = None,
) -> int:
    """Add a customer and their card to the unit's rows; the new id.

    The caller opens the wallet (``wallet.open_account``) in the same unit.
    """
    customer_id = new_id()
    row: dict[str, Any] = {
        "id": customer_id,
        "status": status,
        "name": name,
        "phone": phone,
        "phone_hash": phone_hash,
        "phone_verified_at": phone_verified_at,
        "language": language,
        "time_zone": time_zone,
        "home_outlet_id": home_outlet_id,
        "source": source,
        "referral_code": new_referral_code(),
        "created_at": now,
        "joined_at": joined_at,
    }
    rows.insert(customer, row)
    rows.insert(
        card,
        {
            "id": new_id(),
            "customer_id": customer_id,
            "pseudonym": new_pseudonym(),
            "created_at": now,
        },
    )
    return customer_id


def set_language(session: Session, *, customer_id: int, language: str) -> None:
    """The language this person reads from now on ("ru" or "en")."""
    session.execute(
        sa.update(customer).where(customer.c.id == customer_id).values(language=language)
    )


def set_birthday(session: Session, *, customer_id: int, birthday: Birthday, now: datetime) -> None:
    """Keep the birthday; a date changed later counts from next year (``birthday_set_at``).

    The first date given counts at once: ``birthday_set_at`` stays empty until it is changed.

    Raises:
        CustomerNotFound: there is no such customer, or they were erased.
    """
    old = get(session, customer_id)
    known = old.birth_day is not None
    changed = known and (old.birth_day, old.birth_month) != (birthday.day, birthday.month)
    values: dict[str, Any] = {
        "birth_day": birthday.day,
        "birth_month": birthday.month,
        "birth_year": birthday.year if birthday.year or changed else old.birth_year,
        "birthday_asked_at": old.birthday_asked_at or now,
    }
    if changed:
        values["birthday_set_at"] = now
    theirs = sa.and_(customer.c.id == customer_id, customer.c.status != ERASED)
    kept = sa.update(customer).where(theirs).values(**values).returning(customer.c.id)
    if session.execute(kept).first() is None:
        raise CustomerNotFound()
    told = (birthday.day, birthday.month, values["birth_year"])
    if told != (old.birth_day, old.birth_month, old.birth_year):
        note_change(session, customer_id=customer_id, field="birthday", now=now)


def note_change(session: Session, *, customer_id: int, field: str, now: datetime) -> None:
    """Leave the event ``customer.profile_changed``: which field, and nothing of its content."""
    rows = Rows()
    events.record(
        rows,
        type="customer.profile_changed",
        customer_id=customer_id,
        actor=f"customer:{customer_id}",
        data={"field": field},
        now=now,
    )
    rows.put(session)


def mark_birthday_asked(session: Session, *, customer_id: int, now: datetime) -> bool:
    """Note that the birthday was asked for; False if it had been already: it is asked once."""
    result = session.execute(
        sa.update(customer)
        .where(customer.c.id == customer_id, customer.c.birthday_asked_at.is_(None))
        .values(birthday_asked_at=now)
    )
    return bool(getattr(result, "rowcount", 0))


@dataclass(frozen=True, slots=True)
class Birthday:
    """A day and month, and the year if the person told it."""

    day: int
    month: int
    year: int | None = None


def parse_birthday(text: str, *, today: date) -> Birthday:
    """A birthday as people type it: ``5.06``, ``05.06.1990``, ``5/6/1990``, ``1990-06-05``.

    Raises:
        BirthdayInvalid: not a date, in the future, or more than 120 years ago.
    """
    if len(text) <= 32 and (found := _ISO.match(text)):
        year, month, day = int(found[1]), int(found[2]), int(found[3])
    elif len(text) <= 32 and (found := _DATE.match(text)):
        day, month = int(found[1]), int(found[2])
        year = int(found[3]) if found[3] else 0
    else:
        raise BirthdayInvalid()
    return born_on(day, month, year or None, today=today)


def born_on(day: int, month: int, year: int | None, *, today: date) -> Birthday:
    """A birthday from its parts, as a calendar gives them.

    Raises:
        BirthdayInvalid: not a date, in the future, or more than 120 years ago.
    """
    try:
        # Without a year any leap year will do: 29 February is a birthday.
        born = date(year or 2000, month, day)
    except ValueError:
        raise BirthdayInvalid() from None
    if year and not (today.year - _MAX_AGE_YEARS <= year and born <= today):
        raise BirthdayInvalid()
    return Birthday(day, month, year or None)


def normalize_phone(text: str, *, region: str | None = None) -> str:
    """A phone number in E.164 (``+79991234567``).

    Without ``region`` the number is taken as international, with or without its plus (as
    Telegram gives it): a national reading would make ``87011234567`` a Kazakh number.

    Raises:
        PhoneInvalid: no phone number has this form.
    """
    import phonenumbers  # a tenth of a second, and only joining needs it

    if len(text) > 32:
        raise PhoneInvalid()
    digits = re.sub(r"\D", "", text)
    wanted = text if region else f"+{digits}"
    try:
        number = phonenumbers.parse(wanted, region)
    except phonenumbers.NumberParseException:
        raise PhoneInvalid() from None
    if not digits or not phonenumbers.is_possible_number(number):
        raise PhoneInvalid()
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def clean_name(text: str | None) -> str | None:
    """A name fit to keep: one line, at most 120 characters, no control characters, no broken
    surrogates and nothing that turns the text around it the other way."""
    if not text:
        return None
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or _fit_for_name(c))
    return " ".join(kept.split())[:120] or None


def _fit_for_name(sign: str) -> bool:
    # Letters written from right to left bring their own direction; marks that force one only
    # serve to garble the cashier's screen.
    return (
        unicodedata.category(sign) not in ("Cc", "Cs", "Co")
        and unicodedata.bidirectional(sign) not in _FORCED_DIRECTIONS
    )
