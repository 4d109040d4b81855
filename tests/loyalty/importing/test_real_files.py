"""Whole public data sets, with the totals their sources publish."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from loyalty.db import Database
from loyalty.reports import sales
from tests.loyalty.importing.helpers import check, import_purchases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("earn", [False, True])
async def test_cdnow(database_url: str, shared_folder: Path, earn: bool) -> None:
    """Fader & Hardie's CDNOW: 69,659 purchases of 23,570 customers, 255 repeats, 80 zeros."""
    path = shared_folder / "data/cdnow/CDNOW_master.txt"
    db = Database(database_url)
    try:
        first = await import_purchases(db, path, profile="cdnow", earn=earn)
        assert first.rejected == []
        assert (first.summary.purchases, first.summary.customers_created) == (69_659, 23_570)
        assert first.summary.revenue == 2_500_315_63
        assert (first.summary.points > 0) == earn
        await check(db)
        again = await import_purchases(db, path, profile="cdnow", earn=earn)
        assert (again.summary.purchases, again.summary.purchases_known) == (0, 69_659)
        report = await db.read(sales.sales)
        assert (report.receipts, report.buyers) == (69_659, 23_570)
        assert report.revenue == 2_500_315_63
        await check(db)
    finally:
        await db.close()


async def test_online_retail(database_url: str, shared_folder: Path) -> None:
    """UCI Online Retail: 541,909 lines worth 9,747,747.93, two of them bad debts below zero."""
    path = shared_folder / "data/online_retail/online_retail.csv.gz"
    db = Database(database_url)
    try:
        result = await import_purchases(db, path, profile="online_retail", currency="GBP")
        summary = result.summary
        assert (summary.rows, summary.customers_created) == (541_909, 4_372)
        codes = Counter(one.code for one in result.rejected)
        assert codes == {"free_return": 1336, "adjustment": 772, "price": 2}
        net = summary.revenue - summary.returned - summary.unlinked
        assert net - 2 * 11_062_06 == 9_747_747_93
        # 9,288 lines of 3,836 credit notes; whoever bought nothing of the kind stays unlinked.
        assert summary.return_lines + summary.unlinked_lines == 9_288
        assert summary.unlinked_lines < 2_100
        report = await db.read(sales.sales)
        assert report.revenue == net
        await check(db)
        count = sa.text("SELECT COUNT(*) FROM purchase WHERE unlinked_return")
        unlinked = await db.read(lambda s: s.execute(count).scalar_one())
        assert 0 < unlinked <= summary.unlinked_lines
    finally:
        await db.close()
