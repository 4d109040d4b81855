"""Guests who asked to be erased: who waits, asking at a guest's word, calling it off."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from admin.base import SETTINGS, allowed, db, me
from admin.customers import customer_id_of
from admin.render import page
from loyalty import clock, privacy, staff
from loyalty.staff import OWNER


@allowed(OWNER)
async def waiting_page(request: web.Request) -> web.StreamResponse:
    """Everybody who is going to be erased, the nearest first."""

    def unit(session: Session) -> tuple[list[privacy.Waiting], dict[str, str]]:
        names = {person.actor: person.name for person in staff.everyone(session)}
        return list(privacy.waiting(session)), names

    found, names = await db(request).read(unit)
    return page(request, "erasures.html", found=found, names=names)


@allowed(OWNER)
async def ask(request: web.Request) -> web.StreamResponse:
    """Begin the days of thinking it over, since the guest asked for it in person."""
    customer_id, form = customer_id_of(request), await request.post()
    actor, now, zone = me(request).actor, clock.now(), request.app[SETTINGS].time_zone
    # Without the tick in "the guest asked for it" the form does nothing.
    if form.get("asked") == "yes":
        await db(request).transact(
            lambda session: privacy.ask_erasure(
                session, customer_id=customer_id, actor=actor, time_zone=zone, now=now
            )
        )
    raise web.HTTPSeeOther(f"/admin/customers/{customer_id}")


@allowed(OWNER)
async def keep(request: web.Request) -> web.StreamResponse:
    """Call it off at the guest's word."""
    customer_id, form = customer_id_of(request), await request.post()
    actor, now, zone = me(request).actor, clock.now(), request.app[SETTINGS].time_zone
    await db(request).transact(
        lambda session: privacy.keep_card(
            session, customer_id=customer_id, actor=actor, time_zone=zone, now=now
        )
    )
    back = f"/admin/customers/{customer_id}"
    raise web.HTTPSeeOther("/admin/erasures" if form.get("back") == "list" else back)


def routes() -> list[web.RouteDef]:
    """The addresses of this page."""
    return [
        web.get("/admin/erasures", waiting_page),
        web.post("/admin/customers/{id}/erase", ask),
        web.post("/admin/customers/{id}/keep", keep),
    ]
