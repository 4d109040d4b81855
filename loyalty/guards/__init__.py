"""Guards: what looks odd is flagged for the owner; a limit the owner sets is refused at the till.

Layer: below the sale, which asks ``check_velocity``.
"""

from loyalty.guards.velocity import check_velocity, needs_counts

__all__ = ["check_velocity", "needs_counts"]
