"""Where a customer stands on stamp cards, and how stamps go up and down. Pure.

Σ of all entries = the stamps on the open card; Σ of the entries ``debt`` and ``repaid`` = what
is owed. A full card is an entry ``completed`` of minus its stamps, a card whose reward was taken
back an entry ``reopened`` of plus them. A return takes its stamps by an entry ``returned``; what
of it was not there to take is put beside it as ``debt``.

A prize (the reward at the last stamp, an interim one on the way) is given when its stamp is
reached. Going back below that stamp needs the prize back: an unused one is taken; where it was
used, the stamps stay and what is missing is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from loyalty.program.rules import StampCardRule
from loyalty.receipts import Line

EARNED, GIFT = "earned", "gift"
COMPLETED, REOPENED = "completed", "reopened"
MOVED = "moved"
RETURNED, DEBT, REPAID = "returned", "debt", "repaid"


"""Kinds of entries; ``moved``: off this card, onto the one its owner has already."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One card of a customer: stamps on the open card, stamps owed, cards filled so far."""

    card_key: str
    stamps: int = 0
    debt: int = 0
    cards: int = 0


@dataclass(frozen=True, slots=True)
class Prize:
    """A prize that a stamp has brought: at which stamp of which card (the first is 1)."""

    number: int
    at: int


@dataclass(slots=True)
class Move:
    """What a change does: the new standing, its entries by kind, prizes given or taken back.

    ``taken`` maps the issue key of a prize taken back to the key that is free again.
    """

    standing: Standing
    entries: dict[str, int] = field(default_factory=dict)
    given: list[Prize] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)

    def note(self, kind: str, amount: int) -> None:
        """Add to the entry of this kind; of nothing, no entry."""
        total = self.entries.pop(kind, 0) + amount
        if total:
            self.entries[kind] = total


def prize_key(customer_id: int, rule: StampCardRule, prize: Prize) -> str:
    """The issue key of a prize: ``stamps:CUSTOMER:CARD:NUMBER`` and ``:AT`` of an interim one."""
    key = f"stamps:{customer_id}:{rule.key}:{prize.number}"
    return key if prize.at == rule.stamps else f"{key}:{prize.at}"


def prize_of(rule: StampCardRule, key: str) -> Prize | None:
    """The prize of this card that an issue key names, whoever's; None: it names none of it."""
    parts = key.split(":")
    is_ours = len(parts) in (4, 5) and parts[0] == "stamps" and parts[2] == rule.key
    if not is_ours or not all(part.isdecimal() for part in parts[3:]):
        return None
    return Prize(int(parts[3]), int(parts[4]) if len(parts) == 5 else rule.stamps)


def pieces(rule: StampCardRule, lines: Sequence[Line], free_pieces: Sequence[int] = ()) -> int:
    """Paid pieces that earn a stamp on this card; what is weighed counts as one.

    ``free_pieces``: how many pieces of each line were given free (a reward, every third).
    """
    free = list(free_pieces) or [0] * len(lines)
    return sum(
        max(0, line.pieces - given)
        for line, given in zip(lines, free, strict=True)
        if line.net > 0 and rule.scope.covers(sku=line.sku, category=line.category)
    )


def capped(rule: StampCardRule, stamps: int, *, today: int, outlet_id: int | None) -> int:
    """How many of ``stamps`` may be earned, when ``today`` were earned at this outlet already."""
    cap = rule.outlet_caps.get(str(outlet_id), rule.daily_cap)
    return stamps if cap is None else max(0, min(stamps, cap - today))


def add(rule: StampCardRule, standing: Standing, *, earned: int = 0, gift: int = 0) -> Move:
    """Put stamps on the card: what is owed first, then cards fill and the rest carries over.

    Raises:
        ValueError: a negative number.
    """
    if earned < 0 or gift < 0:
        raise ValueError("stamps are put on with a positive number")
    stamps = earned + gift
    repaid = min(stamps, standing.debt)
    move = Move(replace(standing, debt=standing.debt - repaid))
    move.note(EARNED, earned)
    move.note(GIFT, gift)
    move.note(REPAID, -repaid)
    on_card, cards = standing.stamps, standing.cards
    left = stamps - repaid
    prizes = sorted(prize.at for prize in rule.interim)
    # At least once: rules may have made the card shorter since its last stamp.
    while left or on_card >= rule.stamps:
        step = max(0, min(left, rule.stamps - on_card))
        reached = on_card + step
        move.given += [Prize(cards + 1, at) for at in prizes if on_card < at <= reached]
        on_card, left = reached, left - step
        if on_card >= rule.stamps:
            cards += 1
            move.given.append(Prize(cards, rule.stamps))
            move.note(COMPLETED, -rule.stamps)
            on_card -= rule.stamps
    move.standing = replace(move.standing, stamps=on_card, cards=cards)
    return move


def take(
    rule: StampCardRule,
    standing: Standing,
    stamps: int,
    *,
    customer_id: int,
    unused: Mapping[str, int],
    is_issued: Callable[[str], bool],
) -> Move:
    """Take ``stamps`` back: from the open card, then from full ones, then as a debt.

    ``unused`` are the issue keys of the customer's unused prizes, ``is_issued`` tells whether a
    prize was ever given under a key (rules may have got it since).

    Raises:
        ValueError: a negative number.
    """
    if stamps < 0:
        raise ValueError("stamps are taken with a positive number")
    move = Move(standing)
    move.note(RETURNED, -stamps)
    purse = _Unused(rule, unused)
    on_card, cards, left = standing.stamps, standing.cards, stamps
    prizes = sorted((prize.at for prize in rule.interim), reverse=True)
    while left:
        floor = next((at for at in prizes if at <= on_card), 0)
        if on_card > floor:
            step = min(left, on_card - floor)
        elif on_card:  # on a prize: below it only if the prize comes back
            key = prize_key(customer_id, rule, Prize(cards + 1, on_card))
            if is_issued(key) and not purse.give_up(on_card, key, move):
                break
            step = 1
        else:
            key = prize_key(customer_id, rule, Prize(cards, rule.stamps))
            if not cards or not purse.give_up(rule.stamps, key, move):
                break
            cards, on_card, step = cards - 1, rule.stamps, 0
            move.note(REOPENED, rule.stamps)
        on_card, left = on_card - step, left - step
    move.note(DEBT, left)
    move.standing = replace(standing, stamps=on_card, cards=cards, debt=standing.debt + left)
    return move


class _Unused:
    """The unused prizes of one card, by the stamp they stand at, the newest first."""

    def __init__(self, rule: StampCardRule, unused: Mapping[str, int]) -> None:
        self._by_stamp: dict[int, list[tuple[int, str]]] = {}
        for key in unused:
            # Whoever's name it has: a paper card's prizes are its owner's now.
            prize = prize_of(rule, key)
            if prize is not None:
                self._by_stamp.setdefault(prize.at, []).append((prize.number, key))
        for found in self._by_stamp.values():
            found.sort()

    def give_up(self, at: int, freed: str, move: Move) -> bool:
        """Take back one prize of that stamp, so that ``freed`` can be issued again; False: none."""
        found = self._by_stamp.get(at)
        if not found:
            return False
        keys = [key for _, key in found]
        own = freed if freed in keys else keys[-1]
        found.remove(next(pair for pair in found if pair[1] == own))
        move.taken[own] = freed
        return True
