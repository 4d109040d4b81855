"""The stories play on the stage of the scheduler's tests."""

from tests.scheduler.conftest import _own_time, client, stage

__all__ = ["_own_time", "client", "stage"]
