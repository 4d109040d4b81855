"""What the shop sells, as far as messages need it: names, pictures, what goes with what.

``put``, ``set_archived``, ``get``, ``known``, ``listing``, ``categories``, ``learned``: the
catalogue, and what was sold without being in it. ``last_bought``, ``goes_with``, ``in_cart``,
``bought_since``: which goods to speak of. ``set_pairs``, ``pairs_of``, ``measure``, ``keep``: what
goes with what. ``paces``, ``set_pace``, ``suggestions``: how long a category lasts.
"""

from loyalty.goods.catalogue import (
    PAGE,
    Product,
    Sold,
    categories,
    checked,
    count,
    get,
    known,
    learned,
    listing,
    put,
    set_archived,
)
from loyalty.goods.choosing import bought_in, bought_since, goes_with, in_cart, last_bought
from loyalty.goods.pace import Suggested, paces, set_pace, suggestions
from loyalty.goods.pairs import Pair, keep, measure, pairs_of, set_pairs

__all__ = [
    "PAGE",
    "Pair",
    "Product",
    "Sold",
    "Suggested",
    "bought_in",
    "bought_since",
    "categories",
    "checked",
    "count",
    "get",
    "goes_with",
    "in_cart",
    "keep",
    "known",
    "last_bought",
    "learned",
    "listing",
    "measure",
    "paces",
    "pairs_of",
    "put",
    "set_archived",
    "set_pace",
    "set_pairs",
    "suggestions",
]
