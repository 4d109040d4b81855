"""The clock and the hands: ticks move chains and points, the dispatcher sends what is due.

``await start(db, settings=…, token=…, api_url=…)`` gives a ``RunningScheduler``. Every process
dispatches; one of them, the leader, ticks. All state is in the tables, so any process may be
killed at any moment. ``await open_limits(…)`` gives the sending limits a bot shares with it.
"""

from scheduler.running import RunningScheduler, open_limits, start

__all__ = ["RunningScheduler", "open_limits", "start"]
