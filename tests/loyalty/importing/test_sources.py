"""Files as people have them: any encoding, any delimiter, broken in every way."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import xlsxwriter

from loyalty.importing.problems import WORDS, FileProblem, say
from loyalty.importing.sources import Source, sniff
from loyalty.texts import LANGUAGES

TEXT = "клиент;дата;сумма\nИванов;05.01.2026;450,00\n"


def read(path: Path, delimiter: str | None = None) -> list[tuple[int, object]]:
    source = Source(path, delimiter=delimiter)
    try:
        return list(source.rows())
    finally:
        source.close()


def write(tmp_path: Path, data: bytes, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    rows = read(write(tmp_path, TEXT.encode(encoding)))
    assert rows == [(1, ["клиент", "дата", "сумма"]), (2, ["Иванов", "05.01.2026", "450,00"])]


def test_an_encoding_that_changes_midway(tmp_path: Path) -> None:
    data = b"a;b\n" + "Иван;1\n".encode() + "Пётр;2\n".encode("cp1251")
    assert [cells for _, cells in read(write(tmp_path, data))][1:] == [["Иван", "1"], ["Пётр", "2"]]


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path: Path) -> None:
    data = b"a;b\n1;2\n\x98\xff;3\n4;5\n"
    assert read(write(tmp_path, data))[1:] == [(2, ["1", "2"]), (3, "undecodable"), (4, ["4", "5"])]


def test_gzip_is_seen_by_its_content(tmp_path: Path) -> None:
    assert read(write(tmp_path, gzip.compress(TEXT.encode()), "no_suffix"))[1][0] == 2


def test_a_gzip_that_breaks_off(tmp_path: Path) -> None:
    # Text that does not pack, so that the break comes after the sample.
    rows = "".join(f"{n * 7919 % 100003},{n * 104729 % 999983}\n" for n in range(40_000))
    path = write(tmp_path, gzip.compress(rows.encode())[:-5_000])
    with pytest.raises(FileProblem) as problem:
        read(path)
    assert problem.value.code == "broken"


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b,c\n1,2,3\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb\n1,5\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        (" id  date amount\n 1 19970101  2.5\n", " "),
        ('name,note\n"a;b","c;d"\n', ","),
    ],
)
def test_the_delimiter_is_found(text: str, delimiter: str) -> None:
    assert sniff(text.splitlines()) == delimiter


def test_a_delimiter_by_name_and_a_wrong_one(tmp_path: Path) -> None:
    path = write(tmp_path, b"a\tb,c\n")
    assert read(path, "tab") == [(1, ["a", "b,c"])]
    with pytest.raises(FileProblem) as problem:
        read(path, "ab")
    assert problem.value.code == "bad_delimiter"


def test_a_row_over_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    path = write(tmp_path, b'a,b\n1,"two\nlines"\n2,x\n')
    assert [line for line, _ in read(path)] == [1, 2, 4]


def test_an_unclosed_quote_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, b'a,b\n1,2\n3,"4\n' + b"5,6\n" * 100)
    assert read(path)[-1] == (3, "quote")


def test_a_spreadsheet_reads_as_a_table_would(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["customer", "date", "amount"])
        day = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.write_number(2, 0, 17850)
        sheet.write_number(2, 1, 46027.5, day)
        sheet.write_formula(2, 2, "=10*2.5", None, 25.5)
    assert read(path) == [
        (1, ["customer", "date", "amount"]),
        (3, ["17850", "2026-01-05 12:00:00", "25.5"]),
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (bytes(range(256)) * 20, "binary"),
        (b"PK\x03\x04 not a workbook", "broken"),
        (b"\xd0\xcf\x11\xe0 not a workbook either", "broken"),
        (b"\x1f\x8b not an archive", "broken"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    path = write(tmp_path, data)
    with pytest.raises(FileProblem) as problem:
        read(path)
    assert problem.value.code == code


def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path, code in ((tmp_path, "folder"), (tmp_path / "none.csv", "missing")):
        with pytest.raises(FileProblem) as problem:
            Source(path)
        assert problem.value.code == code
        assert str(path) in problem.value.text("ru")


def test_every_problem_has_words_in_both_languages() -> None:
    facts = dict.fromkeys(
        ("path", "reason", "delimiter", "part", "field", "fields", "column", "columns", "profile"),
        "x",
    ) | dict.fromkeys(
        (
            "profiles",
            "format",
            "found",
            "needed",
            "text",
            "limit",
            "ours",
            "number",
            "tiers",
            "kind",
        ),
        "y",
    )
    for code in WORDS:
        english, russian = (say(language, code, facts) for language in sorted(LANGUAGES))
        assert english
        assert russian
        assert english != russian, code
