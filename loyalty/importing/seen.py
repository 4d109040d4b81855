"""How often something was seen in a file, in memory that does not grow with the file."""

from __future__ import annotations

import hashlib
import sqlite3

_IN_MEMORY = 400_000


class Seen:
    """Counts keys; past some hundred thousand the counts move to a temporary file."""

    def __init__(self, *, in_memory: int = _IN_MEMORY) -> None:
        self._limit = in_memory
        self._counts: dict[int, int] = {}
        self._file: sqlite3.Connection | None = None

    def take(self, key: str) -> int:
        """How often ``key`` was taken before this time."""
        digest = int.from_bytes(
            hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True
        )
        if self._file is None:
            before = self._counts.get(digest, 0)
            self._counts[digest] = before + 1
            if len(self._counts) >= self._limit:
                self._spill()
            return before
        row = self._file.execute(
            "INSERT INTO seen VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET n = n + 1 RETURNING n",
            (digest,),
        ).fetchone()
        return int(row[0]) - 1

    def close(self) -> None:
        """Forget everything."""
        self._counts = {}
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        # An empty name is a private file that SQLite removes by itself.
        self._file = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16000"):
            self._file.execute(f"PRAGMA {pragma}")
        self._file.execute("CREATE TABLE seen (key INTEGER PRIMARY KEY, n INTEGER) WITHOUT ROWID")
        self._file.execute("BEGIN")
        self._file.executemany("INSERT INTO seen VALUES (?, ?)", self._counts.items())
        self._counts = {}
