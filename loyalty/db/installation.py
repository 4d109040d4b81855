"""The installation row: what this database is (demo or live), and the demo's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.db.types import UtcDateTime, metadata

DEMO, LIVE = "demo", "live"

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("stamp", sa.String(8), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # Seconds the demo's time machine has moved the business clock ahead.
    sa.Column("clock_offset_s", sa.BigInteger, nullable=False, server_default="0"),
    # True while a process serves; found true at a start, the last stop was not clean.
    sa.Column("running", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("bot_username", sa.String(64)),
    sa.CheckConstraint("id = 1", name="single"),
    sa.CheckConstraint("stamp IN ('demo', 'live')", name="stamp"),
)


class InstallationStateError(Exception):
    """A demo database met the real Telegram, or a live one the emulator."""

    def __init__(self, stamp: str, wanted: str) -> None:
        self.stamp = stamp
        self.wanted = wanted
        super().__init__(f"the database is stamped {stamp}, not {wanted}")


@dataclass(frozen=True, slots=True)
class InstallationState:
    """What the database says about itself."""

    stamp: str
    clock_offset: timedelta
    running: bool
    bot_username: str | None


def read_installation(session: Session) -> InstallationState | None:
    """The installation row, or None in a database that was never stamped."""
    row = session.execute(sa.select(installation)).one_or_none()
    if row is None:
        return None
    return InstallationState(
        row.stamp, timedelta(seconds=row.clock_offset_s), row.running, row.bot_username
    )


def stamp_installation(session: Session, *, wanted: str, now: datetime) -> InstallationState:
    """Stamp a new database ``demo`` or ``live``, or check the stamp of an old one.

    Raises:
        InstallationStateError: it was stamped otherwise; a forgotten token can never start a
            make-believe Telegram over real customers.
    """
    state = read_installation(session)
    if state is None:
        session.execute(sa.insert(installation).values(id=1, stamp=wanted, created_at=now))
        return InstallationState(wanted, timedelta(), False, None)
    if state.stamp != wanted:
        raise InstallationStateError(state.stamp, wanted)
    return state


def set_running(session: Session, *, running: bool) -> None:
    """Note that a process serves this database, or has stopped cleanly."""
    session.execute(sa.update(installation).values(running=running))


def set_clock_offset(session: Session, *, offset: timedelta) -> None:
    """Keep the time machine's offset, so that a restart does not go back in time."""
    session.execute(sa.update(installation).values(clock_offset_s=int(offset.total_seconds())))


def set_bot_username(session: Session, *, username: str) -> None:
    """Keep the bot's name, for links made by processes that do not talk to Telegram."""
    session.execute(sa.update(installation).values(bot_username=username))
