"""The clock and the hands: ticks move chains and points, the dispatcher sends what is due.

``await start(db, settings=…, token=…, api_url=…)`` gives a ``RunningScheduler``. Every process
dispatches; one of them, the leader, ticks. All state is in the tables, so any process may be
killed at any moment.
"""

from scheduler.running import RunningScheduler, start

__all__ = ["RunningScheduler", "start"]
