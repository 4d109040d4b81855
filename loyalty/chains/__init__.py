"""Chains: who is enrolled, which step is due, what leaves them.

``ensure_shipped`` writes down the chains that come with the program; ``plan`` starts people on
them (``enrol_from_events`` and ``plan_expiry`` are parts of it) and ``candidates`` tells who will
start; ``advance`` moves those whose time has come; ``next_due`` says when that will be. A chain
is edited with ``check`` and ``publish``, stopped and started with ``set_enabled``.
"""

from loyalty.chains.advance import Advanced, advance
from loyalty.chains.candidates import Candidate, candidates
from loyalty.chains.enrol import BY_TIME, Planned, enrol_from_events, plan, plan_expiry
from loyalty.chains.model import Definition, MessageStep
from loyalty.chains.preview import Foreseen, Preview, preview
from loyalty.chains.rehearsal import Rehearsal, RehearsedStep, rehearse
from loyalty.chains.store import (
    Chain,
    all_chains,
    check,
    definition_of,
    ensure_shipped,
    get,
    publish,
    set_enabled,
)
from loyalty.chains.timing import look_again, next_due, next_step
from loyalty.chains.triggers_next import next_planned

__all__ = [
    "BY_TIME",
    "Advanced",
    "Candidate",
    "Chain",
    "Definition",
    "Foreseen",
    "MessageStep",
    "Planned",
    "Preview",
    "Rehearsal",
    "RehearsedStep",
    "advance",
    "all_chains",
    "candidates",
    "check",
    "definition_of",
    "enrol_from_events",
    "ensure_shipped",
    "get",
    "look_again",
    "next_due",
    "next_planned",
    "next_step",
    "plan",
    "plan_expiry",
    "preview",
    "publish",
    "rehearse",
    "set_enabled",
]
