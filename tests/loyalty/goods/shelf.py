"""Receipts with named goods, for tests of what is said about them."""

from __future__ import annotations

from datetime import datetime

from loyalty.purchases import Line, Receipt
from tests.world import World

SHELF = {
    "cap": ("Капучино", "Кофе", 250_00),
    "cro": ("Круассан", "Выпечка", 180_00),
    "oil": ("Масло 5W-30", "Масло", 3200_00),
    "fil": ("Фильтр", "Фильтры", 700_00),
    "bag": ("Пакет", "Прочее", 10_00),
}


def line(sku: str, quantity: int = 1) -> Line:
    """A line of something on the shelf."""
    name, category, price = SHELF[sku]
    return Line(
        amount=price * quantity,
        price=price,
        quantity_milli=quantity * 1000,
        sku=sku,
        name=name,
        category=category,
    )


async def buy(world: World, customer_id: int | None, *skus: str, at: datetime | None = None) -> int:
    """Sell these goods; the purchase's id."""
    receipt = Receipt(sold_at=at or world.now, lines=tuple(line(sku) for sku in skus))
    return (await world.sell(customer_id, receipt)).purchase_id
