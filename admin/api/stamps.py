"""Stamp cards as the API tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from admin.api.answers import StampsOut
from loyalty import stamps
from loyalty.program import Program
from loyalty.stamps import Standing


def standings_of(
    session: Session, customer_id: int, rules: Program, language: str
) -> list[StampsOut]:
    """Every card of the program, with the customer's stamps on it."""
    return shown(
        list(stamps.standings(session, customer_id=customer_id).values()), {}, rules, language
    )


def shown(
    standings: Sequence[Standing], added: Mapping[str, int], rules: Program, language: str
) -> list[StampsOut]:
    """Every card of the program: where the customer stands, and what this sale adds."""
    by_card = {standing.card_key: standing for standing in standings}
    return [
        StampsOut(
            card=card.key,
            name=card.name.said_in(language),
            stamps=by_card[card.key].stamps if card.key in by_card else 0,
            needed=card.stamps,
            added=added.get(card.key, 0),
        )
        for card in rules.stamp_cards
    ]
