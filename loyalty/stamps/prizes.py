"""Prizes of one person's stamp card become another's: they get a place in the other's row.

A prize is known by its issue key, which names its owner and the number of the card it stands
on. Handed over under its old name, a later return would not find it and would leave a debt.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import vouchers
from loyalty.program.rules import StampCardRule
from loyalty.stamps.model import Prize, Standing, prize_key, prize_of


def renumber(
    session: Session,
    *,
    source_kind: str,
    rule: StampCardRule,
    from_id: int,
    to_id: int,
    old: Standing,
    known: Standing,
) -> None:
    """Put the prizes of ``old``'s full cards after ``known``'s; both owners are locked.

    The card that ``known`` has open is the last one from now on, and so are its prizes on the
    way. Those of ``old``'s open card go along if that card becomes the open one; else their
    stamps are given anew, and what stands under its old name is found by its kind. A name that
    is taken stays as it is. Written at once.
    """
    v = vouchers.voucher.c
    query = (
        sa.select(v.id, v.issue_key, v.customer_id)
        .where(
            v.customer_id.in_((from_id, to_id)),
            v.source_kind == source_kind,
            v.issue_key.is_not(None),
        )
        .order_by(v.id)
    )
    found = [
        (row, prize)
        for row in session.execute(query)
        if (prize := prize_of(rule, row.issue_key)) is not None
    ]
    taken = {row.issue_key for row, _ in found}
    last = known.cards + old.cards + 1
    is_begun = bool(known.stamps or known.debt)
    # The member's own first: their open card makes room for what comes before it.
    for row, prize in sorted(found, key=lambda pair: pair[0].customer_id != to_id):
        number = prize.number
        if row.customer_id == to_id:
            number = last if number > known.cards else number
        elif number <= old.cards:
            number += known.cards
        elif not is_begun:
            number = last
        else:
            continue
        name = prize_key(to_id, rule, Prize(number, prize.at))
        if name in taken:
            continue
        taken.discard(row.issue_key)
        taken.add(name)
        session.execute(sa.update(vouchers.voucher).where(v.id == row.id).values(issue_key=name))
