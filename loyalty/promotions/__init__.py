"""Promotions: rules over the lines, the moment and the customer of a receipt.

``model`` is what an owner writes; ``engine`` chooses what applies, ``reducing`` lowers what is
paid, ``accruing`` adds points and says where each comes from, ``goals`` counts towards a gift:
all pure. ``store`` keeps every state as a row of its own; ``describe`` and ``problems`` put
things into words.
"""

from loyalty.promotions.accruing import Accrual, Part, accrue
from loyalty.promotions.describe import Names, breakdown, describe, explain, say_gift
from loyalty.promotions.engine import Facts, Live, choose, goals_of
from loyalty.promotions.goals import GoalStep, goals_step, period_of
from loyalty.promotions.model import Conditions, Effect, Goal, Promotion, parse
from loyalty.promotions.problems import say_problem
from loyalty.promotions.reducing import Applied, Reduction, reduce
from loyalty.promotions.store import (
    GoalStanding,
    Listed,
    Stored,
    archive,
    by_ids,
    current_revision,
    get,
    history,
    listing,
    live_at,
    names_of,
    save,
    standings,
    switch_off,
    switch_on,
)
from loyalty.promotions.tables import goal_progress, promotion_version
from loyalty.promotions.term import Term, term_of

__all__ = [
    "Accrual",
    "Applied",
    "Conditions",
    "Effect",
    "Facts",
    "Goal",
    "GoalStanding",
    "GoalStep",
    "Listed",
    "Live",
    "Names",
    "Part",
    "Promotion",
    "Reduction",
    "Stored",
    "Term",
    "accrue",
    "archive",
    "breakdown",
    "by_ids",
    "choose",
    "current_revision",
    "describe",
    "explain",
    "get",
    "goal_progress",
    "goals_of",
    "goals_step",
    "history",
    "listing",
    "live_at",
    "names_of",
    "parse",
    "period_of",
    "promotion_version",
    "reduce",
    "save",
    "say_gift",
    "say_problem",
    "standings",
    "switch_off",
    "switch_on",
    "term_of",
]
