"""Start-up: time and memory of ``regulars run`` against a bare import of its libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import Row, median

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3

# What ``run`` cannot do without; ready here means imported.
_BARE = """
import resource, sys
import aiogram, aiohttp.web, alembic.command, apscheduler.schedulers.asyncio
import argon2, babel.dates, cryptography.fernet, jinja2, phonenumbers, pydantic_settings, qrcode
import sqlalchemy.ext.asyncio, structlog, typer, uvloop, zxingcpp, fastjsonschema
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _environment(folder: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "PYTHONPATH": str(ROOT),
        "PORT": "0",
        "EMULATOR_PORT": "0",
    }


def _bare(folder: str) -> tuple[float, float]:
    """(seconds, MB) of importing the libraries alone."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _BARE],
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    return time.monotonic() - started, int(done.stdout) / 1024


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # macOS has no /proc
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _ours(folder: str) -> tuple[float, float]:
    """(seconds until ready, MB at most) of ``regulars run`` on a database that is there."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "regulars.py"), "run", "--json"],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no output")
        json.loads(process.stdout.readline())
        return time.monotonic() - started, _resident_mb(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _command(folder: str) -> float:
    started = time.monotonic()
    subprocess.run(
        [sys.executable, str(ROOT / "regulars.py"), "--help"],
        env=_environment(folder),
        capture_output=True,
        check=True,
    )
    return time.monotonic() - started


def measure() -> list[Row]:
    """Medians of a few starts; the demo is made before the first."""
    with tempfile.TemporaryDirectory() as folder:
        _ours(folder)
        bare = [_bare(folder) for _ in range(ROUNDS)]
        ours = [_ours(folder) for _ in range(ROUNDS)]
        light = median([_command(folder) for _ in range(ROUNDS)])
    memory = [mb for _, mb in ours]
    return [
        Row(
            "regulars run, ready",
            median([s for s, _ in bare]),
            median([s for s, _ in ours]),
            "s",
            1.5,
            smaller_is_better=True,
        ),
        Row(
            "regulars run, memory",
            median([mb for _, mb in bare]),
            median(memory),
            "MB",
            1.6,
            smaller_is_better=True,
        ),
        Row(
            "a command without a bot",
            1.5,
            light,
            "s",
            1.0,
            smaller_is_better=True,
            note="the ceiling is the goal: 1.5 s",
        ),
    ]
