"""Addresses of chains: the list, one of them, its editor, what is ahead, trying it out."""

from __future__ import annotations

from aiohttp import web

from admin import chains, chains_editor, chains_people, chains_step_pages, chains_trying

_HOME = "/admin/chains"
KEY = r"{key:[a-z0-9_-]{1,32}}"
_STEP = r"{step:[a-z0-9_]{1,48}}"
_PART = r"{part:title|trigger|exits|again}"


def routes(row: str) -> list[web.AbstractRouteDef]:
    """All of them; ``row`` is how an id stands in an address."""
    get, post = web.get, web.post
    one = f"{_HOME}/{KEY}"
    edit = f"{one}/edit"
    step = f"{edit}/steps/{_STEP}"
    return [
        get(_HOME, chains.list_page),
        get(f"{_HOME}/new", chains.new_page),
        post(f"{_HOME}/new", chains.create),
        get(f"{_HOME}/preview", chains_trying.preview_page),
        get(one, chains.chain_page),
        get(f"{one}/rehearse", chains_trying.rehearse_page),
        post(f"{one}/rehearse", chains_trying.find_customer),
        post(f"{one}/test", chains_trying.test_to_me),
        post(f"{one}/on", chains.switch_on),
        post(f"{one}/off", chains.switch_off),
        post(f"{one}/archive", chains.archive),
        post(f"{one}/take-back", chains.take_back),
        get(edit, chains_editor.edit_page),
        post(f"{edit}/steps", chains_editor.change_steps),
        post(f"{edit}/finish", chains_editor.finish),
        get(f"{edit}/part/{_PART}", chains_editor.part_page),
        post(f"{edit}/part/{_PART}", chains_editor.part),
        get(step, chains_step_pages.step_page),
        post(step, chains_step_pages.step),
        post(f"{step}/preview", chains_step_pages.preview),
        post(f"/admin/customers/{row}/chain", chains_people.take_out),
        get(f"/admin/media/{row}", chains_step_pages.picture),
    ]
