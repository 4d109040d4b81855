"""Tiers: by net spend in rolling 12 months; up at once, down only after a warning.

``levels`` are the pure sums a sale needs.
"""

from loyalty.tiers.levels import after_sale, order, reached, window_start

__all__ = ["after_sale", "order", "reached", "window_start"]
