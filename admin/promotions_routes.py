"""Addresses of promotions, vouchers, stamps and levels by hand, invitations and oddities."""

from __future__ import annotations

from aiohttp import web

from admin import (
    by_hand,
    oddities,
    promotions,
    promotions_editing,
    referrals,
    vouchers,
    vouchers_issue,
)

_PROMOTIONS, _VOUCHERS = "/admin/promotions", "/admin/vouchers"


def routes(row: str) -> list[web.AbstractRouteDef]:
    """All of them; ``row`` is how an id stands in an address."""
    get, post = web.get, web.post
    return [
        get(_PROMOTIONS, promotions.list_page),
        get(f"{_PROMOTIONS}/new", promotions_editing.new_page),
        get(_PROMOTIONS + r"/new/{key:[a-z-]{1,20}}", promotions_editing.preset_page),
        post(f"{_PROMOTIONS}/form", promotions_editing.submit),
        post(f"{_PROMOTIONS}/preview", promotions_editing.preview),
        get(f"{_PROMOTIONS}/{row}", promotions.promotion_page),
        get(f"{_PROMOTIONS}/{row}/edit", promotions_editing.edit_page),
        post(f"{_PROMOTIONS}/{row}/on", promotions.switch_on),
        post(f"{_PROMOTIONS}/{row}/off", promotions.switch_off),
        post(f"{_PROMOTIONS}/{row}/archive", promotions.archive),
        get(_VOUCHERS, vouchers.list_page),
        post(_VOUCHERS, vouchers.search),
        get(_VOUCHERS + r"/new/{kind:[a-z_]{1,20}}", vouchers_issue.new_page),
        post(_VOUCHERS + r"/new/{kind:[a-z_]{1,20}}", vouchers_issue.submit),
        get(_VOUCHERS + r"/batches/{key:\d{1,19}}", vouchers_issue.batch_page),
        post(_VOUCHERS + r"/batches/{key:\d{1,19}}/codes", vouchers_issue.batch_file),
        get(f"{_VOUCHERS}/{row}", vouchers.voucher_page),
        get(f"{_VOUCHERS}/{row}/qr.svg", vouchers.qr_picture),
        get(f"{_VOUCHERS}/{row}/print", vouchers.print_page),
        post(f"{_VOUCHERS}/{row}/activate", vouchers.activate),
        post(f"{_VOUCHERS}/{row}/block", vouchers.block),
        post(f"{_VOUCHERS}/{row}/unblock", vouchers.unblock),
        post(f"/admin/customers/{row}/stamps", by_hand.give_stamps),
        post(f"/admin/customers/{row}/level", by_hand.give_level),
        get("/admin/referrals", referrals.referrals_page),
        post(f"/admin/referrals/{row}/approve", referrals.approve),
        post(f"/admin/referrals/{row}/decline", referrals.decline),
        get("/admin/oddities", oddities.oddities_page),
        post(f"/admin/oddities/{row}/seen", oddities.mark),
    ]
