"""Chains on a customer's card: which they are on, and what they heard of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from markupsafe import Markup
from sqlalchemy.orm import Session

from admin.base import SETTINGS, me
from admin.chains_reasons import say_reason
from admin.chains_variables import ROOMY, known_of
from admin.chains_words import WAITS, ChainSayer
from admin.render import language
from loyalty import clock
from loyalty.chains import drafts
from loyalty.chains.model import Definition
from loyalty.chains.outcome import Decided
from loyalty.chains.preview import next_of
from loyalty.chains.store import definition_of
from loyalty.messaging.people import gather
from loyalty.messaging.policy import Skip, Wait
from loyalty.program import Program
from loyalty.reports import card
from loyalty.reports.chain_figures import OnWay, passes_of
from loyalty.staff import MARKETER, OWNER
from loyalty.texts import Translator


@dataclass(frozen=True, slots=True)
class Way:
    """One chain somebody is on: what it is called, the step they stand before, and when."""

    enrolment_id: int
    key: str
    title: str
    step: str
    due_at: datetime | None
    # Why the step will be left out, as far as can be foreseen.
    why_not: Markup | None
    since: datetime
    enabled: bool


@dataclass(frozen=True, slots=True)
class OnCard:
    """``ways``: chains somebody is on; the names of chains and steps of what they heard."""

    ways: list[Way]
    titles: dict[str, str]
    steps: dict[tuple[str, str], str]
    # Where the customer lives, by which caps and quiet hours are told; None: as the business does.
    own_zone: str | None = None

    def there(self, moment: datetime) -> str | None:
        """What time it is where the customer is; None where that is the business's time."""
        if self.own_zone is None:
            return None
        return f"{moment.astimezone(clock.zone(self.own_zone)):%H:%M}"

    def title(self, item: card.Communication) -> str | None:
        """What the chain of a message is called; None for what is of no chain."""
        kind, _, key = (item.source or "").partition(":")
        return self.titles.get(key) if kind == "chain" else None

    def key(self, item: card.Communication) -> str:
        """The chain's key."""
        return (item.source or "").partition(":")[2]

    def step(self, item: card.Communication) -> str | None:
        """What the step is called."""
        return self.steps.get((self.key(item), item.step or ""))


def on_card(
    session: Session,
    messages: list[card.Communication],
    *,
    customer_id: int,
    name: str | None,
    t: Translator,
    currency: str,
    rules: Program,
    now: datetime,
    time_zone: str,
) -> OnCard:
    """What the card tells of chains."""
    cards = {one.key: one.name.said_in(t.language) for one in rules.stamp_cards}
    says = ChainSayer(t, currency=currency, rule=lambda _: str(t("a rule")), cards=cards)
    every = {one.key: one for one in drafts.listing(session, archived=True)}
    steps: dict[tuple[str, str], str] = {}
    known: dict[int, Mapping[str, str]] = {}
    for item in messages:
        kind, _, key = (item.source or "").partition(":")
        if kind != "chain" or not item.step:
            continue
        version_id = item.version_id or (every[key].version_id if key in every else None)
        if version_id is None:
            continue
        if version_id not in known:
            known[version_id] = says.names(
                definition_of(session, version_id), known_of(name), width=ROOMY
            )
        steps.setdefault((key, item.step), known[version_id].get(item.step, item.step))
    ways = passes_of(session, customer_id=customer_id)
    titles = {key: one.title(t.language) for key, one in every.items()}
    ahead = next_of(session, customer_id, now=now, time_zone=time_zone) if ways else {}
    shown = [_way(one, ahead.get(one.enrolment_id), t, says, titles, name) for one in ways]
    lives = gather(session, [customer_id], now=now, time_zone=time_zone)[customer_id].time_zone
    return OnCard(shown, titles, steps, None if lives == time_zone else lives)


def _way(
    one: OnWay, ahead: Decided | None, t: Translator, says: ChainSayer, titles: dict[str, str],
    name: str | None,
) -> Way:  # fmt: skip
    step, due_at, reason = _next(one.definition, one.step, says, name), one.due_at, None
    if ahead is not None:
        names = says.names(one.definition, known_of(name), width=ROOMY)
        step, due_at = names.get(ahead.step.id, step), ahead.at
        if isinstance(ahead.decision, Wait):
            due_at = ahead.decision.until
        elif isinstance(ahead.decision, Skip):
            reason = say_reason(t, ahead.decision.reason)
    return Way(
        one.enrolment_id,
        one.key,
        titles.get(one.key, one.key),
        step,
        due_at,
        reason,
        one.enrolled_at,
        one.enabled,
    )


def _next(definition: Definition, place: int, says: ChainSayer, name: str | None) -> str:
    """The next step that does or asks something, from where they stand."""
    names = says.names(definition, known_of(name), width=ROOMY)
    ahead = (step for step in definition.steps[place:] if step.kind not in WAITS)
    found = next(ahead, None)
    return names[found.id] if found is not None else says.end


def card_values(
    request: web.Request, session: Session, messages: list[card.Communication],
    person: card.Profile, rules: Program,
) -> dict[str, Any]:  # fmt: skip
    """What the customer's page needs."""
    currency = request.app[SETTINGS].currency
    found = on_card(
        session, messages, customer_id=person.id, name=person.name, t=language(request),
        currency=currency, rules=rules, now=clock.now(),
        time_zone=request.app[SETTINGS].time_zone,
    )  # fmt: skip
    return {"on_chains": found, "may_take_out": me(request).role in (OWNER, MARKETER)}
