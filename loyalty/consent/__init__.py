"""Consents: append-only grants and withdrawals, each tied to the text that was agreed to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.consent.tables import ADS_TELEGRAM, PERSONAL_DATA, PURPOSES, consent, consent_text
from loyalty.consent.wording import DEFAULT_TEXTS
from loyalty.db.engine import AlreadyThere, is_unique_violation
from loyalty.db.rows import Rows
from loyalty.ids import new_id

__all__ = [
    "ADS_TELEGRAM",
    "PERSONAL_DATA",
    "PURPOSES",
    "ConsentText",
    "Standing",
    "consent",
    "consent_text",
    "current_text",
    "ensure_texts",
    "granted",
    "record",
    "standing",
    "text_version",
]


@dataclass(frozen=True, slots=True)
class ConsentText:
    """A published text: what the person is asked to agree to, word for word."""

    purpose: str
    language: str
    version: int
    body: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The last word on a purpose, and when it was said."""

    granted: bool
    at: datetime
    text_version: int


_TEXT = [consent_text.c[name] for name in ConsentText.__dataclass_fields__]


def ensure_texts(session: Session, *, now: datetime) -> None:
    """Publish the texts the product comes with, where none was ever published.

    Raises:
        AlreadyThere: another process has just done so; ``transact`` runs the unit again.
    """
    try:
        _publish_defaults(session, now)
    except IntegrityError as problem:
        if is_unique_violation(problem):
            raise AlreadyThere from problem
        raise


def _publish_defaults(session: Session, now: datetime) -> None:
    for (purpose, language), body in DEFAULT_TEXTS.items():
        known = session.execute(
            sa.select(consent_text.c.id)
            .where(consent_text.c.purpose == purpose, consent_text.c.language == language)
            .limit(1)
        ).scalar_one_or_none()
        if known is None:
            session.execute(
                sa.insert(consent_text).values(
                    id=new_id(),
                    purpose=purpose,
                    language=language,
                    version=1,
                    body=body,
                    sha256=hashlib.sha256(body.encode()).hexdigest(),
                    published_at=now,
                )
            )


def current_text(session: Session, *, purpose: str, language: str) -> ConsentText:
    """The newest text for a purpose in a language.

    Raises:
        LookupError: none was published (``ensure_texts`` was not called).
    """
    row = session.execute(
        sa.select(*_TEXT)
        .where(consent_text.c.purpose == purpose, consent_text.c.language == language)
        .order_by(consent_text.c.version.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise LookupError(f"no consent text for {purpose} in {language}")
    return ConsentText(*row)


def text_version(session: Session, *, purpose: str, language: str, version: int) -> ConsentText:
    """The text with that number: what somebody agreed to, even if a newer one is out since.

    Raises:
        LookupError: there is none.
    """
    row = session.execute(
        sa.select(*_TEXT).where(
            consent_text.c.purpose == purpose,
            consent_text.c.language == language,
            consent_text.c.version == version,
        )
    ).one_or_none()
    if row is None:
        raise LookupError(f"no consent text {version} for {purpose} in {language}")
    return ConsentText(*row)


def standing(session: Session, *, customer_id: int) -> dict[str, Standing]:
    """The last word on every purpose this customer was ever asked about."""
    query = (
        sa.select(consent.c.purpose, consent.c.granted, consent.c.at, consent.c.text_version)
        .where(consent.c.customer_id == customer_id)
        .order_by(consent.c.id)
    )
    rows = session.execute(query)
    return {row.purpose: Standing(row.granted, row.at, row.text_version) for row in rows}


def granted(session: Session, *, customer_id: int) -> dict[str, bool]:
    """Whether each purpose is agreed to now; what was never asked is not."""
    known = standing(session, customer_id=customer_id)
    return {purpose: purpose in known and known[purpose].granted for purpose in PURPOSES}


def record(
    session: Session,
    *,
    customer_id: int,
    purpose: str,
    granted: bool,
    language: str,
    channel: str,
    evidence: str,
    now: datetime,
    operator_id: int | None = None,
    text: ConsentText | None = None,
) -> bool:
    """Write down a grant or withdrawal; whether it changed anything.

    ``evidence`` names the update or message that said so: the same evidence counts once, so a
    repeated update changes nothing. ``text`` is what was shown, the current one if not given.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"unknown purpose {purpose}")
    last = standing(session, customer_id=customer_id).get(purpose)
    if (last.granted if last else False) == granted and (last is not None or not granted):
        return False
    seen = session.execute(
        sa.select(consent.c.id).where(
            consent.c.customer_id == customer_id,
            consent.c.purpose == purpose,
            consent.c.evidence == evidence,
        )
    ).scalar_one_or_none()
    if seen is not None:
        return False
    shown = text or current_text(session, purpose=purpose, language=language)
    rows = Rows()
    rows.insert(
        consent,
        {
            "id": new_id(),
            "customer_id": customer_id,
            "purpose": purpose,
            "granted": granted,
            "at": now,
            "text_version": shown.version,
            "text_sha256": shown.sha256,
            "language": shown.language,
            "channel": channel,
            "evidence": evidence,
            "operator_id": operator_id,
        },
    )
    events.record(
        rows,
        type="consent.changed",
        customer_id=customer_id,
        actor=f"staff:{operator_id}" if operator_id else f"customer:{customer_id}",
        data={"purpose": purpose, "granted": granted},
        now=now,
    )
    rows.put(session)
    return True
