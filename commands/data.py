"""`regulars import …`, `export …`, `report …`: files in, files out, figures in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import (
    FOUND_A_FAULT,
    JsonOption,
    fail,
    load_settings,
    prepare_database,
    run_async,
    say,
    show,
    show_json,
    with_database,
)
from commands.import_words import customer_lines, purchase_lines, stopped, tell

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from loyalty import importing
    from loyalty.db import Database

import_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Bring in customers and purchases from a file.",
)
export_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Write customers and purchases to a file."
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]
MapOption = Annotated[
    str | None,
    typer.Option("--map", metavar="FIELD=COLUMN,…", help="Columns by header or number from 1."),
]
FormatOption = Annotated[
    str | None, typer.Option("--date-format", help="Like %d.%m.%Y; ISO needs none.")
]
DelimiterOption = Annotated[
    str | None, typer.Option("--delimiter", help="One character, “tab” or “space”.")
]
ZoneOption = Annotated[str | None, typer.Option("--time-zone", help="Of dates without an offset.")]
SystemOption = Annotated[
    str, typer.Option("--system", help="The other system's name; customer ids are its own.")
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Read and check, write nothing.")]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Rejected rows go there, as CSV.")
]


INTERRUPTED = 130
"""The exit code of what Ctrl-C ended, as shells have it."""


class _DryRun(Exception):
    """Ends a unit that was only to be tried; nothing it wrote is kept."""


@dataclass(slots=True)
class _Run:
    """One import: its file, how a batch is written, what came of it."""

    file: Any
    write: Callable[..., Any]
    options: importing.Options
    rejections: Callable[[Any], None]
    advance: Callable[[int], None]
    summary: importing.Summary
    first: list[Any] = field(default_factory=list)

    @property
    def ignored(self) -> list[str]:
        """The columns that were not used."""
        ignored: list[str] = self.file.ignored
        return ignored

    def note(self, batch: Any, outcome: Any) -> None:
        """Count a batch in."""
        self.summary.add(outcome.summary)
        for rejected in sorted((*batch.rejected, *outcome.rejected), key=lambda r: r.line):
            self.rejections(rejected)
            if len(self.first) < 5:
                self.first.append(rejected)
        self.advance(self.file.source.position())


@import_app.command(
    "purchases",
    epilog="regulars import purchases sales.csv --map customer=card,sold_at=date,amount=total",
)
def import_purchases(
    file: FileArgument,
    columns: MapOption = None,
    date_format: FormatOption = None,
    delimiter: DelimiterOption = None,
    time_zone: ZoneOption = None,
    earn: Annotated[
        bool, typer.Option("--earn/--no-earn", help="Whether history earns points.")
    ] = False,
    profile: Annotated[
        str | None, typer.Option(help="A known kind of file: cdnow, online_retail, generic.")
    ] = None,
    system: SystemOption = "import",
    dry_run: DryOption = False,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring in purchases: CSV, XLSX or whitespace tables, also gzipped. Repeat as you like."""
    from loyalty import importing

    options = _options(columns, date_format, delimiter, time_zone, system, profile, earn)
    kind = (importing.PurchaseFile, importing.write_purchases)
    run = _import(kind, file, options, dry_run=dry_run, report=report)
    tell(run, dry_run=dry_run, as_json=as_json, lines=purchase_lines)


@import_app.command(
    "customers",
    epilog="regulars import customers people.xlsx"
    " --map customer=id,name=full_name,phone=tel,field:renewal=insured_until",
)
def import_customers(
    file: FileArgument,
    columns: MapOption = None,
    date_format: FormatOption = None,
    delimiter: DelimiterOption = None,
    time_zone: ZoneOption = None,
    system: SystemOption = "import",
    dry_run: DryOption = False,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring in customers: name, phone, birthday, e-mail, the points they have, own fields.

    A field of your own (the end of an insurance, the make of the car) is field:KEY=COLUMN, or
    field:KEY:KIND=COLUMN with date, number or text as its kind.
    """
    from loyalty import importing

    options = _options(columns, date_format, delimiter, time_zone, system, None, False)
    kind = (importing.CustomerFile, importing.write_customers)
    run = _import(kind, file, options, dry_run=dry_run, report=report)
    tell(run, dry_run=dry_run, as_json=as_json, lines=customer_lines)


def _options(
    columns: str | None,
    date_format: str | None,
    delimiter: str | None,
    time_zone: str | None,
    system: str,
    profile: str | None,
    earn: bool,
) -> importing.Options:
    from loyalty import clock
    from loyalty.importing import FileProblem, Options
    from loyalty.importing.mapping import parse_map

    settings, _ = load_settings(), say()
    zone = time_zone or settings.time_zone
    try:
        clock.zone(zone)
        mapped = parse_map(columns)
    except ValueError:
        fail(_("There is no time zone {zone}; use a name like Europe/Moscow.", zone=repr(zone)))
    except FileProblem as problem:
        fail(problem.text(_.language))
    if not 0 < len(system.strip()) <= 64:
        fail(_("--system is a name of at most 64 characters."))
    return Options(
        now=clock.now(),
        time_zone=zone,
        language=settings.language,
        currency=settings.currency,
        system=system.strip(),
        columns=mapped,
        profile=profile,
        delimiter=delimiter,
        date_format=date_format,
        earn=earn,
    )


def _import(
    kind: tuple[Callable[..., Any], Callable[..., Any]],
    path: Path,
    options: importing.Options,
    *,
    dry_run: bool,
    report: Path | None,
) -> _Run:
    from loyalty import program
    from loyalty.db import Database
    from loyalty.errors import DatabaseBusy
    from loyalty.importing import FileProblem, Summary

    _, settings = say(), load_settings()
    opened, write = kind
    interrupted: list[_Run] = []

    async def work() -> _Run:
        db = Database(settings.database_url, pool_size=2)
        file = opened(path, options)
        try:
            await db.transact(partial(program.ensure_default, now=options.now))
            with _rejections(report, _.language) as reject, _progress(file) as advance:
                run = _Run(file, write, options, reject, advance, Summary())
                try:
                    await (_try(db, run) if dry_run else _write(db, run))
                except asyncio.CancelledError:
                    interrupted.append(run)
                    raise
                return run
        finally:
            file.close()
            await db.close()

    try:
        opened(path, options).close()  # what is wrong with the file is said before anything else
        prepare_database(settings)
        return run_async(work)
    except KeyboardInterrupt:
        fail(stopped(Summary(), dry_run=True), code=INTERRUPTED)
    except typer.Exit:
        if not interrupted:
            raise
        fail(stopped(interrupted[0].summary, dry_run=dry_run), code=INTERRUPTED)
    except FileProblem as problem:
        fail(problem.text(_.language))
    except DatabaseBusy:
        fail(_("The database is busy; try again in a moment."), code=FOUND_A_FAULT)


async def _write(db: Database, run: _Run) -> None:
    """Write batch after batch; the next is read while the last one is being written.

    Interrupted, it lets the batch that is being written come to its end.
    """
    writing: tuple[Any, asyncio.Task[Any]] | None = None
    try:
        for batch in run.file.batches():
            if writing is not None:
                outcome, before = await asyncio.shield(writing[1]), writing[0]
                writing = None
                run.note(before, outcome)
            unit = partial(run.write, batch=batch, options=run.options)
            writing = (batch, asyncio.ensure_future(db.transact(unit)))
            await asyncio.sleep(0)
    finally:
        if writing is not None:
            run.note(writing[0], await writing[1])


async def _try(db: Database, run: _Run) -> None:
    """The whole file in one transaction that is given up at the end."""

    def unit(session: Session) -> None:
        for batch in run.file.batches():
            run.note(batch, run.write(session, batch=batch, options=run.options))
        raise _DryRun()

    with contextlib.suppress(_DryRun):  # it always ends so: that is how nothing is kept
        await db.transact(unit)


@contextlib.contextmanager
def _progress(file: Any) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(file.source.path.name, total=max(1, file.source.total_bytes))
        yield lambda done: bar.update(task, completed=done)
        bar.update(task, completed=max(1, file.source.total_bytes))


@contextlib.contextmanager
def _rejections(path: Path | None, language: str) -> Iterator[Callable[[Any], None]]:
    """Where rejected rows are written; nowhere without a path."""
    from loyalty.exporting import safe

    if path is None:
        yield lambda _rejected: None
        return
    try:
        file = path.open("w", encoding="utf-8-sig", newline="")
    except OSError as problem:
        reason = (problem.strerror or "").lower()
        _ = say()
        fail(_("Cannot write {path}: {reason}.", path=path, reason=reason))
    with file:
        writer = csv.writer(file)
        writer.writerow(("line", "code", "reason"))
        yield lambda one: writer.writerow((one.line, one.code, safe(one.text(language))))


@export_app.command("purchases", epilog="regulars export purchases purchases.xlsx")
def export_purchases(file: FileArgument, as_json: JsonOption = False) -> None:
    """Write every receipt line, returns below zero, to a .csv, .csv.gz or .xlsx."""
    from loyalty import exporting

    zone = load_settings().time_zone
    _export(file, partial(exporting.export_purchases, time_zone=zone), as_json=as_json)


@export_app.command("customers", epilog="regulars export customers customers.csv")
def export_customers(file: FileArgument, as_json: JsonOption = False) -> None:
    """Write every customer with points and own fields, to a .csv, .csv.gz or .xlsx."""
    from loyalty import clock, exporting

    zone = load_settings().time_zone
    unit = partial(exporting.export_customers, now=clock.now(), time_zone=zone)
    _export(file, unit, as_json=as_json)


def _export(path: Path, unit: Callable[..., int], *, as_json: bool) -> None:
    from loyalty import exporting

    _ = say()
    try:
        writer = exporting.open_writer(path)
    except exporting.UnknownEnding:
        fail(_("Name the file with .csv, .csv.gz or .xlsx at its end, not {name}.", name=path.name))
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        fail(_("Cannot write {path}: {reason}.", path=path, reason=reason))
    try:
        rows = with_database(lambda session: unit(session, writer), write=False)
    except exporting.TooManyRows:
        fail(_("A spreadsheet does not hold that many rows: name the file .csv."))
    finally:
        writer.close()
    if as_json:
        show_json({"rows": rows, "file": str(path)})
    else:
        show(_.plural("{n} row written to {file}.", "{n} rows written to {file}.", rows, file=path))
