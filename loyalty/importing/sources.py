"""Tables in files: CSV, whitespace columns, XLSX; plain or gzipped; UTF-8 or Windows-1251.

Text is read line by line, so memory does not grow with the file. A spreadsheet is unpacked
whole by its reader.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

from loyalty.importing.problems import FileProblem

SPACE = " "
"""The delimiter that stands for any run of blanks."""

_SAMPLE_BYTES = 65_536
_SAMPLE_LINES = 30
_DELIMITERS = ("\t", ";", "|", ",")
_NAMED = {"tab": "\t", "\\t": "\t", "space": SPACE, "whitespace": SPACE, "comma": ","}
_GZIP, _ZIP, _OLE = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# A row over more lines than that is an unclosed quotation mark, not a long description.
_ROW_LINES = 25

Cells = list[str]


class Source:
    """An open table. ``rows`` gives each row's line number and its cells as text.

    A row that could not be read as a row comes as a line number and a code of
    ``problems.WORDS``.

    Raises:
        FileProblem: it cannot be opened or holds no table.
    """

    def __init__(self, path: Path, *, delimiter: str | None = None) -> None:
        self.path = path
        self._raw = _open(path)
        self.total_bytes = path.stat().st_size
        try:
            self._file: IO[bytes] = self._raw
            if _peek(self._raw, 2) == _GZIP:
                self._file = cast(IO[bytes], gzip.GzipFile(fileobj=self._raw))
            self._sample = self._read_sample()
            self._zipped = self._sample.startswith((_ZIP, _OLE))
            self._utf16 = self._sample.startswith(_UTF16)
            if not self._zipped and not self._utf16 and b"\0" in self._sample:
                raise FileProblem("binary", path=path)
            self.delimiter = "" if self._zipped else self._choose(delimiter)
        except BaseException:
            self._raw.close()
            raise

    def position(self) -> int:
        """How many bytes of the file have been read."""
        return self.total_bytes if self._raw.closed else self._raw.tell()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        self._raw.close()

    def rows(self) -> Iterator[tuple[int, Cells | str]]:
        """Every row that is not blank, from the first line on.

        Raises:
            FileProblem: the archive or the spreadsheet is damaged.
        """
        try:
            if self._zipped:
                yield from _spreadsheet(self.path, self._file)
            elif self.delimiter == SPACE:
                yield from _columns(self._lines())
            else:
                yield from _csv(self._lines(), self.delimiter)
        except (OSError, EOFError, zlib.error, UnicodeError) as problem:
            raise FileProblem("broken", path=self.path, reason=problem) from problem

    def _read_sample(self) -> bytes:
        try:
            sample = self._file.read(_SAMPLE_BYTES)
            self._file.seek(0)
        except (OSError, EOFError, zlib.error) as problem:
            raise FileProblem("broken", path=self.path, reason=problem) from problem
        if not sample.strip():
            raise FileProblem("empty", path=self.path)
        return sample

    def _choose(self, delimiter: str | None) -> str:
        if delimiter is not None:
            chosen = _NAMED.get(delimiter.lower(), delimiter)
            if len(chosen) != 1 or chosen in '"\r\n':
                raise FileProblem("bad_delimiter", delimiter=delimiter)
            return chosen
        text = self._sample.decode("utf-16" if self._utf16 else "utf-8-sig", errors="replace")
        lines = [line for line in text.splitlines()[:_SAMPLE_LINES] if line.strip()]
        return sniff(lines)

    def _lines(self) -> Iterator[tuple[str, bool]]:
        """Lines as text, and whether their bytes made sense."""
        if self._utf16:
            wrapper = io.TextIOWrapper(self._file, encoding="utf-16", newline="")
            try:
                for text in wrapper:
                    yield text, True
            finally:
                wrapper.detach()  # or it would close the file behind our back
            return
        first = True
        for raw in self._file:
            line = raw.removeprefix(b"\xef\xbb\xbf") if first else raw
            first = False
            try:
                yield line.decode(), b"\0" not in line
            except UnicodeDecodeError:
                try:
                    yield line.decode("cp1251"), b"\0" not in line
                except UnicodeDecodeError:
                    yield line.decode("cp1251", errors="replace"), False


def sniff(lines: list[str]) -> str:
    """The delimiter that splits nearly all lines into the same number of columns."""
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if widths and widths[0] > 1:
            same = sum(width == widths[0] for width in widths)
            if same * 10 >= len(widths) * 8:
                return delimiter
    if lines and len(lines[0].split()) > 1 and not any(d in lines[0] for d in _DELIMITERS):
        return SPACE
    return max(_DELIMITERS, key=lambda delimiter: lines[0].count(delimiter) if lines else 0)


def _open(path: Path) -> IO[bytes]:
    try:
        if path.is_dir():
            raise FileProblem("folder", path=path)
        return path.open("rb")
    except FileNotFoundError as problem:
        raise FileProblem("missing", path=path) from problem
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise FileProblem("unreadable", path=path, reason=reason) from problem


def _peek(file: IO[bytes], size: int) -> bytes:
    head = file.read(size)
    file.seek(0)
    return head


def _columns(lines: Iterator[tuple[str, bool]]) -> Iterator[tuple[int, Cells | str]]:
    for number, (text, good) in enumerate(lines, 1):
        if not good:
            yield number, "undecodable"
        elif cells := text.split():
            yield number, cells


def _csv(lines: Iterator[tuple[str, bool]], delimiter: str) -> Iterator[tuple[int, Cells | str]]:
    bad: set[int] = set()

    def texts() -> Iterator[str]:
        for number, (text, good) in enumerate(lines, 1):
            if not good:
                bad.add(number)
            yield text.replace("\0", "")

    reader = csv.reader(texts(), delimiter=delimiter, skipinitialspace=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield start, "quote"
            continue
        end = reader.line_num
        if bad and any(start <= number <= end for number in bad):
            bad.clear()
            yield start, "undecodable"
        elif end - start >= _ROW_LINES:
            yield start, "quote"
        elif any(cells):
            yield start, cells


def _spreadsheet(path: Path, file: IO[bytes]) -> Iterator[tuple[int, Cells | str]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(file.read()))
        sheet = book.get_sheet_by_index(0)
        skipped = sheet.start[0] if sheet.start else 0
        for number, values in enumerate(sheet.iter_rows(), skipped + 1):
            cells = [_cell(value) for value in values]
            if any(cells):
                yield number, cells
    except (CalamineError, ValueError, IndexError) as problem:
        raise FileProblem("broken", path=path, reason=problem) from problem


def _cell(value: Any) -> str:
    """A spreadsheet's value as a CSV would show it; whole floats are integers."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, timedelta)):
        return str(value)
    return str(value)
