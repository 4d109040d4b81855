"""``make bench``: every path against its ceiling, in one table.

make bench                 all
make bench ARGS="posting startup"
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.common import Row

PARTS = (
    "posting",
    "posting_full",
    "tap_to_reply",
    "tap_latency",
    "emulator_send",
    "messages_out",
    "overtaking",
    "import_cdnow",
    "startup",
    "dry_run",
    "promotions",
    "planning",
)


def _table(rows: list[Row]) -> str:
    head = ("path", "ceiling", "ours", "ratio", "goal", "", "note")
    lines = [head]
    for row in rows:
        sign = "≤" if row.smaller_is_better else "≥"
        lines.append(
            (
                row.path,
                f"{row.ceiling:,.1f} {row.unit}",
                f"{row.ours:,.1f} {row.unit}",
                f"{row.ratio:.2f}",
                f"{sign} {row.goal:g}",
                "ok" if row.met else "below",
                row.note,
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def main() -> int:
    """Measure the named parts (all by default); 2 for a name that is none."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = set(wanted) - set(PARTS)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        return 2
    rows: list[Row] = []
    for part in wanted:
        print(f"measuring {part} …", file=sys.stderr)
        rows += importlib.import_module(f"benchmarks.{part}").measure()
    print(_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
