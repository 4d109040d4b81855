"""What a rule is read against: the shop's own segments, and the program in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from loyalty import program as programs
from loyalty.program import Program
from loyalty.segments.rules import Rule
from loyalty.segments.tables import segment

RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Saved segments by key (archived ones too: what uses them goes on), what each is called,
    and the program whose tiers and cards conditions name. ``vip_from``: the 12-month spend from
    which somebody is among the top 5 %, if it is known already."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    program: Program = field(default_factory=Program)
    vip_from: int | None = None


def saved(session: Session, *, now: datetime) -> Saved:
    """Everything a rule may refer to at ``now``."""
    s = segment.c
    rows = session.execute(sa.select(s.key, s.name, s.rule)).all()
    return Saved(
        rules={row.key: RULE.validate_python(row.rule) for row in rows},
        names={row.key: row.name for row in rows},
        program=programs.current(session, now=now).program,
    )
