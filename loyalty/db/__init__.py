"""The database: engines, the two doors ``transact`` and ``read``, types and fast statements.

One core, two engines: PostgreSQL through asyncpg, SQLite through one writer thread with
group commit and a small pool of read-only connections. ``rows`` puts the rows of a whole
unit down in as few statements as the database allows.
"""

from loyalty.db.engine import ConnectionLost, Database
from loyalty.db.fast import execute, fetch
from loyalty.db.installation import (
    InstallationState,
    InstallationStateError,
    read_installation,
    stamp_installation,
)
from loyalty.db.migrate import DatabaseTooNew, DatabaseUnreachable, migrate, schema_revision
from loyalty.db.rows import Rows
from loyalty.db.types import BigId, JsonValue, UtcDateTime, metadata

__all__ = [
    "BigId",
    "ConnectionLost",
    "Database",
    "DatabaseTooNew",
    "DatabaseUnreachable",
    "InstallationState",
    "InstallationStateError",
    "JsonValue",
    "Rows",
    "UtcDateTime",
    "execute",
    "fetch",
    "metadata",
    "migrate",
    "read_installation",
    "schema_revision",
    "stamp_installation",
]
