"""Rules of the house that no general linter knows; prints what breaks them, exit 1 if anything.

- a function fits a screen, a file a sitting
- only the clock reads the wall clock, in the domain and its faces
- the domain never commits: whoever opens a transaction ends it
- no exception is swallowed without a word
- no file names a package registry or a content network
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUNCTION_LINES = 70
FILE_LINES = 400
TIMELESS = ("loyalty", "bot", "admin", "scheduler")
# Who may read the wall clock, and what for.
CLOCK_READERS = {
    "loyalty/clock.py": "it is the clock",
    "loyalty/ids.py": "ids grow with real time, whatever the time machine says",
}
WALL_CLOCK = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
SKIPPED = {"node_modules", "build", "dist", "data", "htmlcov", "__pycache__"}
VENDORED = "static/vendor/"
GENERATED = ("migrations/versions/",)
# Written in halves, so that this file does not name them.
HOSTS = tuple(
    first + second
    for first, second in (
        ("pypi.", "org"),
        ("python", "hosted.org"),
        ("registry.", "npmjs"),
        ("registry.", "yarnpkg"),
        ("npm", "mirror.com"),
        ("jsdelivr", ".net"),
        ("unpkg", ".com"),
        ("cdnjs.", "cloudflare"),
        ("fonts.", "googleapis"),
        ("fonts.", "gstatic"),
        ("docker.", "io/"),
        ("ghcr", ".io"),
        ("esm", ".sh/"),
        ("skypack", ".dev"),
    )
)


def files() -> Iterator[Path]:
    """Every file of the project, relative to its root."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED
            and (not name.startswith(".") or name == ".ci")
            and not name.endswith(".egg-info")
        )
        for name in sorted(names):
            yield (Path(folder) / name).relative_to(ROOT)


def check_text(path: str, text: str) -> Iterator[str]:
    """Faults of any text file; `path` is relative to the project."""
    lines = text.splitlines()
    ours = VENDORED not in path and not path.startswith(GENERATED)
    if ours and path.endswith((".py", ".js")) and len(lines) > FILE_LINES:
        yield f"{path}: {len(lines)} lines, at most {FILE_LINES}"
    for number, line in enumerate(lines, 1):
        for host in HOSTS:
            if host in line:
                yield f"{path}:{number}: names {host}"


def check_python(path: str, text: str) -> Iterator[str]:
    """Faults of a Python file."""
    domain = path.startswith("loyalty/") and not path.startswith("loyalty/db/")
    timeless = path.startswith(tuple(f"{room}/" for room in TIMELESS)) and (
        path not in CLOCK_READERS
    )
    for node in ast.walk(ast.parse(text)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or line) - line + 1
            if length > FUNCTION_LINES and not path.startswith(GENERATED):
                yield f"{path}:{line}: {node.name}() has {length} lines, at most {FUNCTION_LINES}"
        elif isinstance(node, ast.ExceptHandler):
            if all(_says_nothing(statement) for statement in node.body):
                yield f"{path}:{line}: an exception is swallowed"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if timeless and (_last_name(node.func.value), node.func.attr) in WALL_CLOCK:
                yield f"{path}:{line}: reads the wall clock, take `now` as an argument"
            if domain and node.func.attr == "commit":
                yield f"{path}:{line}: commits, which only the one who opened it may"


def _says_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _last_name(node: ast.expr) -> str:
    """`datetime` for both `datetime` and `datetime.datetime`; imports renamed with `_` too."""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return str(name).strip("_")


def main() -> int:
    """Check every file; 1 if any fault was printed."""
    faults: list[str] = []
    checked = 0
    for path in files():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or an archive
        checked += 1
        name = path.as_posix()
        faults += check_text(name, text)
        if path.suffix == ".py":
            faults += check_python(name, text)
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    print(f"house rules: {checked} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
