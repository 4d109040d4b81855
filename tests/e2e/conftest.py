"""A Telegram and a product for the story tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.product import TOKEN, Product, Town, telegram


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """A local Telegram of the test's own."""
    async with telegram(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
def product_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database for a product."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/regulars.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def product(town: Town, tmp_path: Path, product_database: str) -> AsyncIterator[Product]:
    """The product, pointed at that Telegram; not yet started."""
    made = Product(
        tmp_path,
        BOT_TOKEN=TOKEN,
        TELEGRAM_API_URL=town.url,
        DATABASE_URL=product_database,
        SECRET_KEY="a secret for tests that is long enough",
    )
    yield made
    await made.stop()
