"""A made-up coffee chain with a year behind it, so that there is something to look at.

``fill`` writes it into an empty database by the real rules: the same prices, points, expiry
and rollups a real year would have left, so ``wallet.reconcile`` finds no fault.
"""

from loyalty.demo.filling import DatabaseNotEmpty, Filled, fill

__all__ = ["DatabaseNotEmpty", "Filled", "fill"]
