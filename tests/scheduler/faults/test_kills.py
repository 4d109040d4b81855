"""Processes killed at named places: no offer twice, no receipt three times, nothing lost unseen."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


async def _killed(database_url: str, *, kills: int, seed: int) -> Any:
    command = ["-m", "tests.scheduler.faults.kills", "--database", database_url]
    command += ["--kills", str(kills), "--seed", str(seed)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    out, said = await process.communicate()
    assert process.returncode in (0, 1), said.decode()[-4000:]
    return json.loads(out)["database"]


def _holds(report: Any, kills: int) -> None:
    assert report["wrong"] == []
    assert sum(report["kills"].values()) == kills
    assert report["marketing_twice"] == 0
    assert report["service_more"] == 0
    arrived = report["service_once"] + report["service_twice"]
    assert arrived + report["service_unknown"] == report["service_asked"]
    assert report["marketing_arrived"] + report["marketing_unknown"] == report["people"]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_twelve_kills(database_url: str) -> None:
    _holds(await _killed(database_url, kills=12, seed=7), 12)
