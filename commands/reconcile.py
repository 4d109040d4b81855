"""`regulars reconcile`, and the same check after a stop that was not clean."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import FOUND_A_FAULT, JsonOption, say, show, show_json, with_database

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from loyalty.checkup import Checkup, Settled
    from loyalty.db import Database

log = logging.getLogger("regulars")

RepairOption = Annotated[
    bool,
    typer.Option(
        "--repair-rollups", help="Count sums per customer and day anew where they are wrong."
    ),
]


def reconcile_command(repair_rollups: RepairOption = False, as_json: JsonOption = False) -> None:
    """Check the ledger: every balance against every entry, every receipt against its lines.

    What is broken is listed, and its points cannot be spent until a later check finds them
    whole. Exit code 1 if something does not add up.

    Example: regulars reconcile
    """
    from loyalty import checkup

    found = with_database(checkup.check, write=False)
    mended = 0
    if repair_rollups:
        mended = with_database(lambda session: _repair(session, found), migrated=False)
        found = with_database(checkup.check, write=False, migrated=False)
    settled = with_database(lambda session: _settle(session, found), migrated=False)
    if as_json:
        faults = [
            {"rule": f.rule, "customer_id": str(f.customer_id), "detail": f.detail}
            for f in found.faults
        ]
        show_json(
            {
                "ok": not faults,
                "faults": faults,
                "frozen": settled.frozen,
                "released": settled.released,
                "recounted": mended,
            }
        )
    else:
        _tell(found, settled, mended)
    if found.faults:
        raise typer.Exit(FOUND_A_FAULT)


def _repair(session: Session, found: Checkup) -> int:
    from loyalty import wallet

    wrong = {f.customer_id for f in found.faults if f.rule == "rollup" and f.customer_id}
    return wallet.repair_rollups(session, customer_ids=wrong)


def _settle(session: Session, found: Checkup) -> Settled:
    from loyalty import checkup, clock

    return checkup.settle(session, found, now=clock.now())


def _tell(found: Checkup, settled: Settled, mended: int) -> None:
    _ = say()
    for fault in found.faults:
        show(f"{fault.rule}  {fault.customer_id}  {fault.detail}")
    if mended:
        show(_.plural("{n} customer counted anew.", "{n} customers counted anew.", mended))
    if settled.frozen:
        show(
            _.plural(
                "{n} account cannot be spent from until it adds up.",
                "{n} accounts cannot be spent from until they add up.",
                settled.frozen,
            )
        )
    if settled.released:
        show(
            _.plural(
                "{n} account adds up again and is released.",
                "{n} accounts add up again and are released.",
                settled.released,
            )
        )
    if not found.faults:
        show(_("Every balance adds up."))


async def check_after_crash(db: Database) -> None:
    """After an unclean stop the ledger is checked before anything is sold; broken accounts
    cannot be spent from until somebody has looked."""
    from loyalty import checkup, clock

    found = await db.read(checkup.check)
    for line in checkup.lines(found):
        log.error("%s", line)
    await db.transact(lambda session: checkup.settle(session, found, now=clock.now()))
    log.info("checked the ledger after an unclean stop: %d faults", len(found.faults))
