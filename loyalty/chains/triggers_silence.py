"""Who has not been seen for so many days: counted from the last purchase."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from loyalty.chains.model import SilenceTrigger
from loyalty.chains.store import Chain
from loyalty.chains.triggers_common import (
    Place,
    Window,
    days_later,
    standing,
    starts_query,
    subject,
)
from loyalty.customers import customer
from loyalty.receipts import customer_stats, purchase


def silence_starts(place: Place, item: Chain, window: Window) -> sa.Select[Any]:
    """Customers whose last purchase was so long ago within the window, one start each.

    Read by the moment of the purchase: a narrow window costs a few rows of its index.
    """
    trigger = item.definition.trigger
    assert isinstance(trigger, SilenceTrigger)
    sold = window.shifted(-timedelta(days=trigger.days))
    twin = purchase.alias("twin")
    # Two receipts of one moment: the later written one speaks.
    again = sa.exists().where(
        twin.c.customer_id == purchase.c.customer_id,
        twin.c.sold_at == purchase.c.sold_at,
        twin.c.id > purchase.c.id,
        ~twin.c.unlinked_return,
    )
    return (
        starts_query(
            purchase.c.customer_id,
            occurrence=sa.cast(purchase.c.id, sa.Text),
            starts_at=days_later(place.session, purchase.c.sold_at, trigger.days),
            about=subject(place.session, purchase=purchase.c.id),
        )
        .select_from(purchase)
        .join(
            customer_stats,
            sa.and_(
                customer_stats.c.customer_id == purchase.c.customer_id,
                customer_stats.c.last_purchase_at == purchase.c.sold_at,
            ),
        )
        .join(customer, customer.c.id == purchase.c.customer_id)
        .where(
            purchase.c.sold_at > sold.from_,
            purchase.c.sold_at <= sold.until,
            ~purchase.c.unlinked_return,
            customer_stats.c.orders > 0,
            # Whoever brought everything back has bought nothing that could be missed.
            customer_stats.c.spent > 0,
            ~again,
            *standing(),
            *window.of(purchase.c.customer_id),
            *window.of(customer_stats.c.customer_id),
            *window.of(customer.c.id),
        )
    )
