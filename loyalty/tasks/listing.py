"""The call list as the staff reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty.customers import customer
from loyalty.errors import TaskNotFound
from loyalty.receipts import customer_stats
from loyalty.staff import outlet, staff
from loyalty.tasks.tables import task

PAGE = 30
"""Tasks on one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task with whom it is about and who has it. ``phone`` is for roles that may see phones;
    ``title`` by language; ``language`` the customer's. ``last_purchase_at`` None: never yet."""

    id: int
    customer_id: int
    name: str | None
    phone: str | None
    language: str
    last_purchase_at: datetime | None
    source: str
    title: Mapping[str, str]
    outlet_id: int | None
    outlet: str | None
    assignee_id: int | None
    assignee: str | None
    status: str
    outcome: str | None
    note: str | None
    created_at: datetime
    due_at: datetime
    closed_at: datetime | None
    closed_by: str | None


def listing(
    session: Session,
    *,
    status: str | None = "open",
    assignee_id: int | None = None,
    unassigned: bool = False,
    outlet_id: int | None = None,
    customer_id: int | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> list[Task]:
    """Tasks that fit: open ones by when they are due, others the latest ended first.

    ``status`` None: of every status. ``unassigned``: those nobody has taken. One more than
    ``limit`` is returned if there are more.
    """
    query = _TASK.where(*_fits(assignee_id, unassigned, outlet_id))
    if status is not None:
        query = query.where(task.c.status == status)
    if customer_id is not None:
        query = query.where(task.c.customer_id == customer_id)
    if status == "open":
        query = query.order_by(task.c.due_at, task.c.id)
    else:
        query = query.order_by(task.c.closed_at.desc(), task.c.due_at, task.c.id)
    rows = session.execute(query.limit(limit + 1).offset(offset))
    return [_task(row) for row in rows]


def counts(
    session: Session,
    *,
    assignee_id: int | None = None,
    unassigned: bool = False,
    outlet_id: int | None = None,
) -> dict[str, int]:
    """How many tasks of each status fit."""
    query = (
        sa.select(task.c.status, sa.func.count())
        .where(*_fits(assignee_id, unassigned, outlet_id))
        .group_by(task.c.status)
    )
    return {row[0]: int(row[1]) for row in session.execute(query)}


def get(session: Session, task_id: int) -> Task:
    """One task.

    Raises:
        TaskNotFound: there is none.
    """
    row = session.execute(_TASK.where(task.c.id == task_id)).one_or_none()
    if row is None:
        raise TaskNotFound()
    return _task(row)


def _fits(
    assignee_id: int | None, unassigned: bool, outlet_id: int | None
) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if unassigned:
        where.append(task.c.assignee_id.is_(None))
    elif assignee_id is not None:
        where.append(task.c.assignee_id == assignee_id)
    if outlet_id is not None:
        where.append(task.c.outlet_id == outlet_id)
    return where


_TASK = (
    sa.select(
        task,
        customer.c.name.label("name"),
        customer.c.phone,
        customer.c.language,
        customer_stats.c.last_purchase_at,
        outlet.c.name.label("outlet"),
        staff.c.name.label("assignee"),
    )
    .join(customer, customer.c.id == task.c.customer_id)
    .outerjoin(customer_stats, customer_stats.c.customer_id == task.c.customer_id)
    .outerjoin(outlet, outlet.c.id == task.c.outlet_id)
    .outerjoin(staff, staff.c.id == task.c.assignee_id)
)


def _task(row: Any) -> Task:
    return Task(**{name: getattr(row, name) for name in Task.__dataclass_fields__})
