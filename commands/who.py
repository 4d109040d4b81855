"""Who works here and which tills have keys: listed, and taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import JsonOption, fail, say, show, show_json, with_database
from loyalty import clock

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Id = Annotated[str, typer.Argument(help="The id that “list” shows.")]


def list_staff(
    everybody: Annotated[bool, typer.Option("--all", help="Those who have left as well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Who works here: id, name, role, outlets.

    Example: regulars staff list
    """
    from loyalty import staff

    def unit(session: Session) -> list[dict[str, Any]]:
        names = {place.id: place.name for place in staff.outlets(session)}
        places = staff.places(session)
        return [
            {
                "id": str(person.id),
                "name": person.name,
                "role": person.role,
                "outlets": [names[i] for i in places.get(person.id, ()) if i in names],
                "outlet": person.outlet_name,
                "joined": person.telegram_id is not None or person.password_hash is not None,
                "revoked_at": person.revoked_at.isoformat() if person.revoked_at else None,
            }
            for person in staff.everyone(session)
            if everybody or person.live
        ]

    found = with_database(unit)
    if as_json:
        show_json({"staff": found})
        return
    _ = say()
    if not found:
        show(_("Nobody works here yet: add the owner with “regulars staff add”."))
    for person in found:
        state = _("has left") if person["revoked_at"] else "" if person["joined"] else _("invited")
        parts = (person["id"], person["name"], person["role"], ", ".join(person["outlets"]), state)
        show("  ".join(str(part) for part in parts if part))


def revoke_staff(staff_id: Id, as_json: JsonOption = False) -> None:
    """Take somebody's access away, at once: the till, the panel, unused links.

    Example: regulars staff revoke 7301234567890123456
    """
    from loyalty import staff
    from loyalty.purchases import leaving

    number = _number(staff_id)

    def unit(session: Session) -> str | None:
        person = staff.get(session, number)
        owners = [one for one in staff.everyone(session) if one.live and one.role == staff.OWNER]
        if [one.id for one in owners] == [number]:
            return None
        leaving.dismiss(session, staff_id=number, now=clock.now(), actor="system")
        return person.name

    name = with_database(unit)
    _ = say()
    if name is None:
        fail(_("This is the only owner; add another one first."))
    if as_json:
        show_json({"id": staff_id, "name": name, "revoked": True})
    else:
        show(_("{name} has no access any more.", name=name))


def list_keys(as_json: JsonOption = False) -> None:
    """Keys of tills: id, outlet, how the key ends, when it was used last.

    Example: regulars key list
    """
    from loyalty import staff

    def unit(session: Session) -> list[dict[str, Any]]:
        return [
            {
                "id": str(key.id),
                "outlet": place.name,
                "hint": key.hint,
                "created_at": key.created_at.isoformat(),
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
                "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
            }
            for place in staff.outlets(session)
            for key in staff.keys_of(session, outlet_id=place.id)
        ]

    found = with_database(unit)
    if as_json:
        show_json({"keys": found})
        return
    _ = say()
    if not found:
        show(_("No till has a key yet: make one with “regulars key add”."))
    for key in found:
        state = _("revoked") if key["revoked_at"] else key["last_used_at"] or _("never used")
        show(f"{key['id']}  {key['outlet']}  …{key['hint']}  {state}")


def revoke_key(key_id: Id, as_json: JsonOption = False) -> None:
    """Close a till's key, at once.

    Example: regulars key revoke 7301234567890123456
    """
    from loyalty import staff

    number = _number(key_id)
    _ = say()
    if not with_database(lambda session: staff.revoke_key(session, key_id=number, now=clock.now())):
        fail(_("There is no such key, or it is closed already."))
    if as_json:
        show_json({"id": key_id, "revoked": True})
    else:
        show(_("The key is closed."))


def _number(text: str) -> int:
    """An id as it was typed."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63):
        _ = say()
        fail(_("An id is a whole number; “list” shows them."))
    return int(text)
