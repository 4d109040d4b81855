"""What the pages of chains need beside them: names of people, cards, segments, and sayers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import SETTINGS, db
from admin.chains_words import ChainSayer
from admin.promotions_around import Around, around
from admin.render import language
from admin.rule_form import Choices, choices_of, say_rule
from loyalty.texts import Translator


@dataclass(frozen=True, slots=True)
class Near:
    """``people`` by actor, the program and goods (``around``), what rules can be made of."""

    around: Around
    choices: Choices

    def author(self, t: Translator, actor: str | None) -> str:
        """Who did it, by actor."""
        return self.around.people.get(actor or "") or str(t("the system"))


def read_near(session: Session, *, now: datetime, language_code: str, goods: bool = False) -> Near:
    """Everything around chains; ``goods``: with what was sold lately and tags, for a form."""
    found = around(now, goods=goods)(session)
    return Near(found, choices_of(session, found, language=language_code))


async def near_of(request: web.Request, now: datetime, *, goods: bool = False) -> Near:
    """The same for a request."""
    code = language(request).language
    return await db(request).read(
        lambda session: read_near(session, now=now, language_code=code, goods=goods)
    )


def sayer(request: web.Request, near: Near, t: Translator | None = None) -> ChainSayer:
    """Says chains in the language of the request."""
    t = t or language(request)
    chosen = t

    def rule(one: Any) -> str:
        return say_rule(chosen, one, near.choices)

    return ChainSayer(
        chosen,
        currency=request.app[SETTINGS].currency,
        rule=rule,
        cards=near.around.cards(chosen.language),
    )


def names_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The titles of a draft, whatever stands there."""
    found = document.get("title")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
