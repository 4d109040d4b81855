"""What a chain needs beside itself: cards, pictures, segments, numbers and connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import program
from loyalty.chains.drafts import Edited
from loyalty.chains.model import (
    Condition,
    DateTrigger,
    Definition,
    EventTrigger,
    GiftStep,
    MessageStep,
    ReplenishTrigger,
    WebhookStep,
)
from loyalty.customers import anybody_has
from loyalty.events import event
from loyalty.goods.tables import category_pace
from loyalty.messaging.tables import media
from loyalty.segments import EVERY_READY_MADE, InSegment, Rule, conditions, listing
from loyalty.webhooks.tables import webhook

SITE_EVENTS = frozenset({"cart_updated", "product_viewed", "order_placed"})


@dataclass(frozen=True, slots=True)
class Needs:
    """``missing`` keeps a chain from being switched on, ``advised`` makes it pointless."""

    missing: tuple[str, ...] = ()
    advised: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Facts:
    cards: frozenset[str]
    pictures: frozenset[int]
    segments: frozenset[str]
    has_paces: bool
    has_site: bool
    has_webhook: bool
    empty_dates: frozenset[str]


def needs_of(session: Session, chains: list[Edited], *, now: datetime) -> Mapping[str, Needs]:
    """What each chain that was published needs, by key.

    ``missing``: ``card_missing``, ``picture_missing``, ``segment_missing``; ``advised``:
    ``paces_missing``, ``site_silent``, ``webhook_missing``, ``dates_missing``.
    """
    known = {item.key: item.definition for item in chains if item.definition is not None}
    facts = _facts(session, list(known.values()), now)
    return {
        key: Needs(tuple(_missing(one, facts)), tuple(_advised(one, facts)))
        for key, one in known.items()
    }


def _facts(session: Session, definitions: list[Definition], now: datetime) -> _Facts:
    rules = program.current(session, now=now).program
    wanted = {number for one in definitions for number in _pictures(one)}
    there = sa.select(media.c.id).where(media.c.id.in_(sorted(wanted)))
    live = sa.select(webhook.c.id).where(webhook.c.disabled_at.is_(None)).limit(1)
    dates = {key for one in definitions if (key := _own_date(one))}
    site = sa.select(event.c.id).where(event.c.type.in_(sorted(SITE_EVENTS))).limit(1)
    return _Facts(
        cards=frozenset(card.key for card in rules.stamp_cards),
        pictures=frozenset(session.execute(there).scalars()) if wanted else frozenset(),
        segments=frozenset(EVERY_READY_MADE) | {one.key for one in listing(session, archived=True)},
        has_paces=bool(session.execute(sa.select(category_pace.c.days).limit(1)).first()),
        has_site=bool(session.execute(site).first()),
        has_webhook=bool(session.execute(live).first()),
        empty_dates=frozenset(
            key for key in sorted(dates) if not anybody_has(session, key, kind="date")
        ),
    )


def _own_date(definition: Definition) -> str | None:
    """The key of the guests' own date that starts it, if one does."""
    trigger = definition.trigger
    if not isinstance(trigger, DateTrigger) or not trigger.field.startswith("field:"):
        return None
    return trigger.field.partition(":")[2]


def _pictures(definition: Definition) -> Iterator[int]:
    for step in definition.messages:
        for content in (step, *step.variants, *step.for_segments):
            if content.picture is not None:
                yield content.picture


def _missing(definition: Definition, facts: _Facts) -> Iterator[str]:
    stamps = (step.stamps for step in definition.steps if isinstance(step, GiftStep))
    if any(gift is not None and gift.card not in facts.cards for gift in stamps):
        yield "card_missing"
    if any(number not in facts.pictures for number in _pictures(definition)):
        yield "picture_missing"
    named = {key for rule in _rules(definition) for key in _segments(rule)}
    if any(key not in facts.segments and ":" not in key for key in named):
        yield "segment_missing"


def _rules(definition: Definition) -> Iterator[Rule]:
    rule = getattr(definition.trigger, "rule", None)
    if rule is not None:
        yield rule
    yield from (one for one in definition.exits if not isinstance(one, str))
    for step in definition.steps:
        if isinstance(step, Condition) and step.rule is not None:
            yield step.rule
        if isinstance(step, MessageStep):
            yield from (one.rule for one in step.for_segments)


def _segments(rule: Rule) -> Iterator[str]:
    """Segments a rule names; those made of a tier or a tag have a colon in them."""
    return (one.segment for one in conditions(rule) if isinstance(one, InSegment))


def _advised(definition: Definition, facts: _Facts) -> Iterator[str]:
    trigger = definition.trigger
    if isinstance(trigger, ReplenishTrigger) and trigger.days is None and not facts.has_paces:
        yield "paces_missing"
    if _own_date(definition) in facts.empty_dates:
        yield "dates_missing"
    if isinstance(trigger, EventTrigger) and trigger.event in SITE_EVENTS and not facts.has_site:
        yield "site_silent"
    if any(isinstance(step, WebhookStep) for step in definition.steps) and not facts.has_webhook:
        yield "webhook_missing"
