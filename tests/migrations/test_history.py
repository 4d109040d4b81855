"""One history for both databases: every step up and down, and models that match it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from loyalty.db import DatabaseTooNew, migrate, schema_revision
from loyalty.db.engine import postgres_address
from loyalty.db.migrate import alembic_config
from loyalty.db.sqlite import sqlite_engine, sqlite_path
from loyalty.tables import metadata

pytestmark = pytest.mark.slow  # starts processes or builds schemas


def revisions() -> list[str]:
    script = ScriptDirectory.from_config(alembic_config())
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return str(request.getfixturevalue("postgres_url"))


async def differences(url: str) -> list[object]:
    """What autogenerate would change; CHECK constraints are not compared by alembic."""

    def compare(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    if url.startswith("sqlite"):
        engine = sqlite_engine(sqlite_path(url))
        with engine.begin() as connection:
            found = compare(connection)
        engine.dispose()
        return found
    remote = create_async_engine(postgres_address(url), poolclass=NullPool)
    async with remote.begin() as connected:
        found = await connected.run_sync(compare)
    await remote.dispose()
    return found


async def test_models_are_what_the_migrations_make(empty_url: str) -> None:
    migrate(empty_url)
    assert await differences(empty_url) == []


def test_every_step_goes_up_down_and_up_again(empty_url: str) -> None:
    steps = revisions()
    for number, revision in enumerate(steps):
        migrate(empty_url, revision=revision)
        assert schema_revision(empty_url) == revision
        below = steps[number - 1] if number else "base"
        migrate(empty_url, revision=below)
        assert schema_revision(empty_url) == (None if below == "base" else below)
        migrate(empty_url, revision=revision)
    assert schema_revision(empty_url) == steps[-1]


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/newer.db"
    migrate(url)
    engine = sqlite_engine(sqlite_path(url))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(DatabaseTooNew):
        migrate(url)
