"""Endpoints: where the shop's systems want to be told, what of, and whether they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import events
from loyalty.db import Rows, read_installation
from loyalty.db.installation import DEMO
from loyalty.errors import WebhookInvalid, WebhookNotFound
from loyalty.ids import new_id
from loyalty.webhooks.addresses import checked_url
from loyalty.webhooks.naming import TEST, TYPES
from loyalty.webhooks.tables import webhook, webhook_delivery

MOST = 20
"""Endpoints an installation may have: each is a queue of its own."""

_AHEAD = timedelta(days=1)
"""What somebody has asked for by hand goes before what waits: the longest waiting goes first."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of them. ``events`` empty: all. ``failing_since``: no call has come through since."""

    id: int
    url: str
    events: tuple[str, ...]
    created_at: datetime
    secret_number: int
    failing_since: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that is told to an endpoint, and how that went. ``answer`` is a code with the
    milliseconds it took: ``200 34``, ``timeout 10000``."""

    id: int
    webhook_id: int
    type: str
    body: dict[str, Any]
    state: str
    attempts: int
    due_at: datetime
    created_at: datetime
    settled_at: datetime | None
    answer: str | None


_ENDPOINT = [webhook.c[name] for name in Endpoint.__dataclass_fields__]
_DELIVERY = [webhook_delivery.c[name] for name in Delivery.__dataclass_fields__]


def is_demo(session: Session) -> bool:
    """Whether this installation may call its own machine."""
    state = read_installation(session)
    return state is not None and state.stamp == DEMO


def add(
    session: Session,
    *,
    url: str,
    wanted: Sequence[str],
    actor: str,
    now: datetime,
    webhook_id: int | None = None,
) -> Endpoint:
    """A new endpoint, told of what happens from now on. ``webhook_id`` if it was drawn with the
    form, so that a form sent twice is one endpoint.

    Raises:
        WebhookInvalid: facts ``problem``: see ``addresses.checked_url``, and ``too_many``,
            ``unknown_event``.
    """
    kept = checked_url(url, demo=is_demo(session))
    if session.execute(sa.select(sa.func.count()).select_from(webhook)).scalar_one() >= MOST:
        raise WebhookInvalid(problem="too_many")
    fresh = new_id()
    webhook_id = webhook_id or fresh
    session.execute(
        sa.insert(webhook).values(
            id=webhook_id,
            url=kept,
            events=_chosen(wanted),
            created_at=now,
            created_by=actor,
            secret_number=1,
            last_event_id=fresh,
        )
    )
    _note(session, "added", webhook_id, actor, now)
    return get(session, webhook_id)


def change(
    session: Session, webhook_id: int, *, url: str, wanted: Sequence[str], actor: str, now: datetime
) -> Endpoint:
    """Another address or other events, from now on; what waits goes to the new address.

    Raises:
        WebhookNotFound: there is none.
        WebhookInvalid: as for ``add``.
    """
    kept = checked_url(url, demo=is_demo(session))
    _update(session, webhook_id, url=kept, events=_chosen(wanted))
    _note(session, "changed", webhook_id, actor, now)
    return get(session, webhook_id)


def _chosen(wanted: Sequence[str]) -> list[str]:
    if any(type_ not in TYPES for type_ in wanted):
        raise WebhookInvalid(problem="unknown_event")
    return [type_ for type_ in TYPES if type_ in wanted] if len(set(wanted)) < len(TYPES) else []


def get(session: Session, webhook_id: int) -> Endpoint:
    """The endpoint.

    Raises:
        WebhookNotFound: there is none.
    """
    row = session.execute(sa.select(*_ENDPOINT).where(webhook.c.id == webhook_id)).one_or_none()
    if row is None:
        raise WebhookNotFound()
    return _endpoint(row)


def listing(session: Session) -> list[Endpoint]:
    """All of them, in the order they were added."""
    return [_endpoint(row) for row in session.execute(sa.select(*_ENDPOINT).order_by("id"))]


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(**{**row._mapping, "events": tuple(row.events)})


def rotate(
    session: Session, webhook_id: int, *, actor: str, now: datetime, number: int | None = None
) -> Endpoint:
    """A new secret from now on, for what waits as well; ``number``: only if the secret is that
    one still, so that a form sent twice changes it once.

    Raises:
        WebhookNotFound: there is none.
    """
    before = get(session, webhook_id)
    if number is not None and before.secret_number != number:
        return before
    _update(session, webhook_id, secret_number=webhook.c.secret_number + 1)
    _note(session, "rotated", webhook_id, actor, now)
    return get(session, webhook_id)


def disable(session: Session, webhook_id: int, *, actor: str, now: datetime) -> None:
    """Call it no more. Switched on within a week it is told what it has missed.

    Raises:
        WebhookNotFound: there is none.
    """
    if get(session, webhook_id).disabled_at is None:
        _update(session, webhook_id, disabled_at=now)
        _note(session, "disabled", webhook_id, actor, now)


def enable(session: Session, webhook_id: int, *, actor: str, now: datetime) -> None:
    """Call it again, and at once with all that waits.

    Raises:
        WebhookNotFound: there is none.
    """
    if get(session, webhook_id).disabled_at is None:
        return
    _update(session, webhook_id, disabled_at=None, failing_since=None)
    d = webhook_delivery.c
    session.execute(
        sa.update(webhook_delivery)
        .where(d.webhook_id == webhook_id, d.state == "queued", d.due_at > now)
        .values(due_at=now)
    )
    _note(session, "enabled", webhook_id, actor, now)


def remove(session: Session, webhook_id: int, *, actor: str, now: datetime) -> None:
    """Forget an endpoint and all that was to be told to it.

    Raises:
        WebhookNotFound: there is none.
    """
    # Locked whole: nothing more is queued for it from here on.
    query = sa.select(webhook.c.id).where(webhook.c.id == webhook_id).with_for_update()
    if session.execute(query).first() is None:
        raise WebhookNotFound()
    d = webhook_delivery.c
    session.execute(sa.delete(webhook_delivery).where(d.webhook_id == webhook_id))
    session.execute(sa.delete(webhook).where(webhook.c.id == webhook_id))
    _note(session, "removed", webhook_id, actor, now)


def send_test(session: Session, webhook_id: int, *, actor: str, now: datetime) -> int:
    """Queue a ``test`` for this endpoint alone; the delivery's id.

    Raises:
        WebhookNotFound: there is none.
    """
    get(session, webhook_id)
    number = new_id()
    body = {
        "id": str(number),
        "type": TEST,
        "at": now.isoformat(),
        "data": {"webhook_id": str(webhook_id)},
    }
    session.execute(
        sa.insert(webhook_delivery).values(
            id=number,
            webhook_id=webhook_id,
            key=f"test:{number}",
            type=TEST,
            body=body,
            state="queued",
            attempts=0,
            due_at=now - _AHEAD,
            created_at=now,
        )
    )
    _note(session, "tested", webhook_id, actor, now)
    return number


def resend(session: Session, delivery_id: int, *, actor: str, now: datetime) -> int:
    """Call once more, at once and with all attempts before it; the endpoint's id. One that is
    being called at this moment is left alone.

    Raises:
        WebhookNotFound: there is no such delivery.
    """
    d = webhook_delivery.c
    query = sa.select(d.webhook_id, d.state).where(d.id == delivery_id).with_for_update()
    row = session.execute(query).one_or_none()
    if row is None:
        raise WebhookNotFound()
    if row.state != "calling":
        again = sa.update(webhook_delivery).where(d.id == delivery_id)
        session.execute(
            again.values(state="queued", attempts=0, due_at=now - _AHEAD, settled_at=None)
        )
        _note(session, "resent", row.webhook_id, actor, now)
    return int(row.webhook_id)


def deliveries(
    session: Session, webhook_id: int, *, limit: int = 30, before: int | None = None
) -> list[Delivery]:
    """What was told to it, the newest first; older than the delivery ``before``."""
    d = webhook_delivery.c
    query = sa.select(*_DELIVERY).where(d.webhook_id == webhook_id)
    if before is not None:
        query = query.where(d.id < before)
    found = session.execute(query.order_by(d.id.desc()).limit(limit))
    return [Delivery(**row._mapping) for row in found]


def waiting(session: Session) -> dict[int, int]:
    """How much waits for each endpoint that waits for anything."""
    d = webhook_delivery.c
    query = sa.select(d.webhook_id, sa.func.count()).where(OPEN).group_by(d.webhook_id)
    return {row[0]: row[1] for row in session.execute(query)}


OPEN = webhook_delivery.c.state.in_([sa.literal_column("'queued'"), sa.literal_column("'calling'")])
"""Written out, not bound, so that both databases see the partial index fits."""


def _update(session: Session, webhook_id: int, **values: Any) -> None:
    done = session.execute(sa.update(webhook).where(webhook.c.id == webhook_id).values(**values))
    if not done.rowcount:  # type: ignore[attr-defined]
        raise WebhookNotFound()


def _note(session: Session, what: str, webhook_id: int, actor: str, now: datetime) -> None:
    """Ids only: an address may carry a secret of the other side."""
    rows = Rows()
    data = {"webhook_id": str(webhook_id)}
    events.record(rows, type=f"webhook.{what}", customer_id=None, actor=actor, data=data, now=now)
    rows.put(session)
