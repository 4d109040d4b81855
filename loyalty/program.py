"""The program: versioned rules an owner edits; a purchase keeps the version it was priced by."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata
from loyalty.ids import new_id

program_version = sa.Table(
    "program_version",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("rules", JsonValue, nullable=False),
    sa.Column("author", sa.String(40), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("effective_from", UtcDateTime),
    sa.CheckConstraint("status IN ('draft', 'published')", name="status"),
)


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TierRule(_Rules):
    """A tier: reached at ``threshold`` minor units of net spend in 12 months."""

    key: str
    threshold: int = Field(ge=0)
    earn_rate_bp: int = Field(ge=0, le=10_000)


class QuietHours(_Rules):
    """Local hours in which no marketing leaves; may cross midnight. Minutes of the day."""

    start_minute: int = Field(default=21 * 60, ge=0, lt=1440)
    end_minute: int = Field(default=9 * 60, ge=0, lt=1440)


class Caps(_Rules):
    """How many marketing messages a customer gets, by local calendar."""

    trigger_per_day: int = Field(default=1, ge=0)
    trigger_per_week: int = Field(default=4, ge=0)
    mass_per_day: int = Field(default=1, ge=0)
    mass_per_week: int = Field(default=2, ge=0)
    marketing_per_week: int = Field(default=5, ge=0)


class Program(_Rules):
    """Every rule and default of the program. Money in minor units, rates in basis points."""

    tiers: tuple[TierRule, ...] = (
        TierRule(key="bronze", threshold=0, earn_rate_bp=500),
        TierRule(key="silver", threshold=1_000_000, earn_rate_bp=700),
        TierRule(key="gold", threshold=2_000_000, earn_rate_bp=1000),
    )
    pending_days: int = Field(default=1, ge=0, le=90)
    redeem_share_bp: int = Field(default=3000, ge=0, le=10_000)
    redeem_minimum: int = Field(default=1, ge=1)
    confirm_above: int = Field(default=500, ge=0)
    confirm_seconds: int = Field(default=120, ge=30, le=600)
    expiry_days: int | None = Field(default=365, ge=1, le=3650)
    expiry_grace_days: int = Field(default=7, ge=0, le=60)
    reminder_lead_hours: int = Field(default=24, ge=0, le=168)
    returned_points_min_days: int = Field(default=14, ge=0, le=365)
    welcome_points: int = Field(default=100, ge=0)
    birthday_points: int = Field(default=200, ge=0)
    birthday_days_before: int = Field(default=7, ge=0, le=60)
    birthday_valid_days: int = Field(default=14, ge=1, le=365)
    quiet_hours: QuietHours = QuietHours()
    caps: Caps = Caps()
    messages_per_second: int = Field(default=25, ge=1, le=1000)
    global_holdout_bp: int = Field(default=500, ge=0, le=5000)
    chain_holdout_bp: int = Field(default=1000, ge=0, le=5000)
    # Below this many customers nobody is held out: so few can tell nothing apart, and would
    # only miss their reminders.
    holdout_from_customers: int = Field(default=100, ge=0)
    phone_change_freeze_hours: int = Field(default=72, ge=0, le=720)

    def tier(self, key: str) -> TierRule:
        """The tier called ``key``; the lowest if there is none by that name any more."""
        return next((tier for tier in self.tiers if tier.key == key), self.tiers[0])


class Version(BaseModel):
    """A published version of the program."""

    model_config = ConfigDict(frozen=True)

    id: int
    number: int
    program: Program


@lru_cache(maxsize=64)
def _parsed(version_id: int, rules: str) -> Program:
    del version_id
    return Program.model_validate_json(rules)


def current(session: Session, *, now: datetime) -> Version:
    """The version in force at ``now``.

    Raises:
        LookupError: nothing was ever published (``ensure_default`` was not called).
    """
    query = (
        sa.select(
            program_version.c.id,
            program_version.c.number,
            sa.cast(program_version.c.rules, sa.Text).label("rules"),
        )
        .where(program_version.c.status == "published", program_version.c.effective_from <= now)
        .order_by(program_version.c.effective_from.desc(), program_version.c.number.desc())
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise LookupError("no program version is published")
    return Version(id=row.id, number=row.number, program=_parsed(row.id, row.rules))


def by_id(session: Session, version_id: int) -> Version:
    """The version a purchase was priced by.

    Raises:
        LookupError: there is no such version.
    """
    query = sa.select(
        program_version.c.id,
        program_version.c.number,
        sa.cast(program_version.c.rules, sa.Text).label("rules"),
    ).where(program_version.c.id == version_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise LookupError(f"no program version {version_id}")
    return Version(id=row.id, number=row.number, program=_parsed(row.id, row.rules))


def ensure_default(session: Session, *, now: datetime, rules: Program | None = None) -> Version:
    """Publish version 1 if nothing was ever published: ``rules``, else the default program."""
    known = session.execute(sa.select(program_version.c.id).limit(1)).scalar_one_or_none()
    if known is None:
        session.execute(
            sa.insert(program_version).values(
                id=new_id(),
                number=1,
                status="published",
                rules=(rules or Program()).model_dump(mode="json"),
                author="system",
                created_at=now,
                # In force for imported history too.
                effective_from=datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
            )
        )
    return current(session, now=now)
