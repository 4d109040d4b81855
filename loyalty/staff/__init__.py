"""Outlets and the people who work there: roles, invitations, keys of tills, wrong tries.

``add_outlet``, ``outlets``, ``find_outlet``, ``get_outlet``: where things are sold.
``add``, ``get``, ``everyone``, ``find_by_telegram``, ``find_by_login``, ``revoke``: who works.
``invite``, ``find_invitation``, ``accept_bot_invitation``, ``accept_panel_invitation``.
``add_key``, ``find_key``, ``keys_of``, ``revoke_key``: a till's key, shown once.
``outlets_of``, ``stand_at``, ``set_outlets``, ``add_outlets``: where somebody may sell and stands.
``menu_set``, ``leaving``, ``take_menu``: the cashier's menu in a chat.
``note_failure``, ``failures``: wrong codes and passwords. ``hash_password``, ``verify_password``.
"""

from loyalty.staff.invitations import (
    accept_bot_invitation,
    accept_panel_invitation,
    find_invitation,
    invite,
    knows_invitation,
)
from loyalty.staff.menus import Leaving, leaving, menu_set, menu_stays, take_menu
from loyalty.staff.passwords import MINIMUM_LENGTH, hash_password, verify_password
from loyalty.staff.people import (
    Staff,
    add,
    everyone,
    find_by_login,
    find_by_telegram,
    get,
    revoke,
    set_language,
)
from loyalty.staff.places import Outlet, add_outlet, find_outlet, get_outlet, outlets
from loyalty.staff.standing import add_outlets, outlets_of, places, set_outlets, stand_at
from loyalty.staff.tables import (
    ANALYST,
    CASHIER,
    MARKETER,
    OWNER,
    ROLES,
    SELLING,
    failed_try,
    invitation,
    outlet,
    outlet_key,
    panel_session,
    staff,
    staff_outlet,
)
from loyalty.staff.till_keys import (
    OutletKey,
    add_key,
    find_key,
    keys_of,
    note_key_used,
    revoke_key,
)
from loyalty.staff.tries import failures, note_failure, oldest_failure

__all__ = [
    "ANALYST",
    "CASHIER",
    "MARKETER",
    "MINIMUM_LENGTH",
    "OWNER",
    "ROLES",
    "SELLING",
    "Leaving",
    "Outlet",
    "OutletKey",
    "Staff",
    "accept_bot_invitation",
    "accept_panel_invitation",
    "add",
    "add_key",
    "add_outlet",
    "add_outlets",
    "everyone",
    "failed_try",
    "failures",
    "find_by_login",
    "find_by_telegram",
    "find_invitation",
    "find_key",
    "find_outlet",
    "get",
    "get_outlet",
    "hash_password",
    "invitation",
    "invite",
    "keys_of",
    "knows_invitation",
    "leaving",
    "menu_set",
    "menu_stays",
    "note_failure",
    "note_key_used",
    "oldest_failure",
    "outlet",
    "outlet_key",
    "outlets",
    "outlets_of",
    "panel_session",
    "places",
    "revoke",
    "revoke_key",
    "set_language",
    "set_outlets",
    "staff",
    "staff_outlet",
    "stand_at",
    "take_menu",
    "verify_password",
]
