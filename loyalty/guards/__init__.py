"""Guards: what looks odd is flagged for the owner; a limit the owner sets is refused at the till.

Below the sale, which asks ``check_velocity``. ``sweep`` flags, ``listing`` and ``mark_seen``
are the panel's.
"""

from loyalty.guards.anomalies import KINDS, Anomaly, listing, mark_seen, next_due, sweep
from loyalty.guards.tables import anomaly
from loyalty.guards.velocity import check_velocity, needs_counts

__all__ = [
    "KINDS",
    "Anomaly",
    "anomaly",
    "check_velocity",
    "listing",
    "mark_seen",
    "needs_counts",
    "next_due",
    "sweep",
]
