"""What an import says at the end: in words, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from commands.common import FOUND_A_FAULT, fail, load_settings, say, show, show_json

if TYPE_CHECKING:
    from loyalty.importing import Rejected, Summary


class Run(Protocol):
    """An import that has ended: its figures, its first rejected rows, the columns left out."""

    @property
    def summary(self) -> Summary:
        """Its figures."""

    @property
    def first(self) -> Sequence[Rejected]:
        """The first rows that were not taken."""

    @property
    def ignored(self) -> Sequence[str]:
        """The columns of the file that were not used."""


def tell(
    run: Run, *, dry_run: bool, as_json: bool, lines: Callable[[Summary], Iterator[str]]
) -> None:
    """Say what came of an import; exit code 1 when no row could be taken."""
    _, summary = say(), run.summary
    if as_json:
        first = [{"line": one.line, "reason": one.text(_.language)} for one in run.first]
        found = {**summary.as_dict(), "ignored_columns": list(run.ignored)}
        show_json({**found, "dry_run": dry_run, "first_rejected": first})
    else:
        if dry_run:
            show(_("A dry run: nothing was written."))
        show(_.plural("{n} row read.", "{n} rows read.", summary.rows))
        if run.ignored:
            show(_("Columns that were not used: {columns}.", columns=", ".join(run.ignored)))
        for text in lines(summary):
            show(text)
        if summary.rows_rejected:
            show(_.plural("{n} row rejected:", "{n} rows rejected:", summary.rows_rejected))
            for one in run.first:
                show(_("  line {line}: {reason}", line=one.line, reason=one.text(_.language)))
    if summary.rows and summary.rows_rejected == summary.rows:
        fail(_("No row could be taken; see --map and --date-format."), code=FOUND_A_FAULT)


def stopped(summary: Summary, *, dry_run: bool) -> str:
    """What came of an import that was interrupted, on one line."""
    _ = say()
    if dry_run:
        return _("Interrupted; nothing was written.")
    parts = [_("Interrupted; run it again for the rest.")]
    if summary.purchases:
        parts.append(_.plural("{n} purchase added.", "{n} purchases added.", summary.purchases))
    if summary.customers_created:
        new = summary.customers_created
        parts.append(_.plural("{n} new customer.", "{n} new customers.", new))
    return " ".join(parts)


def _nothing_new(rows: int) -> str:
    return say().plural(
        "Nothing is new: everything in this file was imported before ({n} row).",
        "Nothing is new: everything in this file was imported before ({n} rows).",
        rows,
    )


def purchase_lines(summary: Summary) -> Iterator[str]:
    """What an import of purchases did."""
    _, money = say(), partial(say().money, currency=load_settings().currency)
    came = summary.purchases or summary.returns or summary.unlinked_lines
    if summary.rows_known and not came:
        yield _nothing_new(summary.rows_known)
        return
    yield _.plural("{n} purchase added.", "{n} purchases added.", summary.purchases)
    if summary.purchases_known:
        yield _.plural(
            "{n} purchase was there already.",
            "{n} purchases were there already.",
            summary.purchases_known,
        )
    yield _.plural("{n} new customer.", "{n} new customers.", summary.customers_created)
    if summary.purchases:
        yield _("Sold for {sum}.", sum=money(summary.revenue))
    if summary.returned or summary.unlinked:
        yield _("Returned for {sum}.", sum=money(summary.returned + summary.unlinked))
        yield _.plural(
            "{n} returned line found its purchase.",
            "{n} returned lines found their purchases.",
            summary.return_lines,
        )
        yield _.plural(
            "{n} returned line matches no purchase.",
            "{n} returned lines match no purchase.",
            summary.unlinked_lines,
        )
    if summary.points:
        yield _("Earned: {points}.", points=_.points(summary.points - summary.points_reversed))


def customer_lines(summary: Summary) -> Iterator[str]:
    """What an import of customers did; a new customer's profile goes without saying."""
    _ = say()
    came = summary.customers_created or summary.customers_updated or summary.points
    if summary.customers_known and not came:
        yield _nothing_new(summary.rows - summary.rows_rejected)
        return
    yield _.plural("{n} new customer.", "{n} new customers.", summary.customers_created)
    if summary.customers_known:
        yield _.plural(
            "{n} customer was there already.",
            "{n} customers were there already.",
            summary.customers_known,
        )
    if summary.customers_updated:
        yield _.plural(
            "{n} profile filled in.", "{n} profiles filled in.", summary.customers_updated
        )
    if summary.points:
        yield _("Brought along: {points}.", points=_.points(summary.points))
