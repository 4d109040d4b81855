"""Chains: who is enrolled, which step is due, what leaves them.

``ensure_shipped`` writes down the chains that come with the program; ``enrol_from_events`` and
``plan_expiry`` start people on them; ``advance`` moves those whose time has come; ``next_due``
says when that will be. A chain is edited with ``check`` and ``publish``, stopped and started
with ``set_enabled``.
"""

from loyalty.chains.advance import Advanced, advance
from loyalty.chains.enrol import enrol_from_events, plan_expiry
from loyalty.chains.model import Definition, MessageStep
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
from loyalty.chains.timing import look_again, next_due

__all__ = [
    "Advanced",
    "Chain",
    "Definition",
    "MessageStep",
    "advance",
    "all_chains",
    "check",
    "definition_of",
    "enrol_from_events",
    "ensure_shipped",
    "get",
    "look_again",
    "next_due",
    "plan_expiry",
    "publish",
    "set_enabled",
]
