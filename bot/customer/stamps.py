"""Stamp cards: how full each is, what comes next, and what waits to be used."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot.answers import Turn, button
from bot.customer import menu
from loyalty import program, stamps, vouchers
from loyalty.program import StampCardRule
from loyalty.stamps import Standing
from loyalty.texts import Translator, bold, dots

_SHOWN = 5
"""So many cards fit a phone."""


@dataclass(frozen=True, slots=True)
class _Card:
    """One card of the program and where the customer stands on it."""

    rule: StampCardRule
    standing: Standing


async def show_stamps(turn: Turn) -> None:
    """Every card of the program: dots, what is next, what is owed after a return."""
    person = turn.visitor.customer
    assert person is not None
    customer_id = person.id

    def unit(session: Session) -> tuple[list[_Card], int]:
        rules = program.current(session, now=turn.now).program
        stand = stamps.standings(session, customer_id=customer_id)
        cards = [_Card(rule, stand.get(rule.key, Standing(rule.key))) for rule in rules.stamp_cards]
        mine = vouchers.mine(session, customer_id=customer_id, now=turn.now)
        return cards, sum(item.source_kind == stamps.SOURCE for item in mine)

    cards, waiting = await turn.ctx.db.read(unit)
    _ = turn.say
    if not cards:
        await turn.show(_("There are no stamp cards yet. We will tell you 💛"), [menu.back(_)])
        return
    # Those that are under way first: of many cards the others are only named by their number.
    cards.sort(key=lambda card: -card.standing.stamps)
    said = ["\n".join(map(str, _lines(_, card))) for card in cards[:_SHOWN]]
    if len(cards) > _SHOWN:
        said.append(str(_.plural("…and {n} more", "…and {n} more", len(cards) - _SHOWN)))
    rows = [[button(_("💳 Show my card"), menu.CARD), *menu.back(_)]]
    if waiting:
        said.append(
            str(
                _.plural(
                    "🎁 {n} gift is waiting for you already.",
                    "🎁 {n} gifts are waiting for you already.",
                    waiting,
                )
            )
        )
        rows.insert(0, [button(_("🎟 Show my gifts"), menu.OFFERS)])
    await turn.show("\n\n".join(said), rows)


def _lines(_: Translator, card: _Card) -> list[Markup]:
    rule, standing = card.rule, card.standing
    left = max(1, rule.stamps - standing.stamps)
    gift = rule.reward.name.said_in(_.language)
    lines = [
        bold(rule.name.said_in(_.language)),
        Markup("{} 🎁").format(dots(standing.stamps, rule.stamps)),
        _.plural(
            "{n} more stamp and it is yours: {gift}",
            "{n} more stamps and it is yours: {gift}",
            left,
            gift=gift,
        ),
    ]
    on_the_way = sorted(prize.at for prize in rule.interim if prize.at > standing.stamps)
    if on_the_way:
        prize = next(p for p in rule.interim if p.at == on_the_way[0])
        name = prize.gift.name.said_in(_.language)
        lines.append(_("Already at stamp {n}: {gift}", n=_.number(prize.at), gift=name))
    if standing.debt:
        lines.append(
            _.plural(
                "After a return {n} stamp is missing: your next one makes up for it 💛",
                "After a return {n} stamps are missing: your next ones make up for them 💛",
                standing.debt,
            )
        )
    if standing.cards:
        lines.append(_("Cards filled so far: {n}", n=_.number(standing.cards)))
    return lines


MEMBERS = {menu.STAMPS: show_stamps}
