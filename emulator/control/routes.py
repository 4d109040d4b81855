"""The addresses of the control API."""

from __future__ import annotations

from aiohttp import web

from emulator.control import delivery, people, tools


def control_routes() -> list[web.RouteDef]:
    """Every control call, as listed in the documentation."""
    user = "/control/users/{id}"
    return [
        web.put(user, people.put_user),
        web.delete(user, people.delete_user),
        web.get("/control/users", people.get_users),
        web.post("/control/crowd", people.post_crowd),
        web.post(f"{user}/send", people.post_send),
        web.post(f"{user}/tap", people.post_tap),
        web.post(f"{user}/open", people.post_open),
        web.post(f"{user}/scan", people.post_scan),
        web.post(f"{user}/block", people.post_block),
        web.post(f"{user}/unblock", people.post_unblock),
        web.post(f"{user}/deactivate", people.post_deactivate),
        web.get(f"{user}/messages", people.get_messages),
        web.get(f"{user}/screen", people.get_screen),
        web.get("/control/state", tools.get_state),
        web.get("/control/bots", tools.get_bots),
        web.put("/control/bots/{id}", tools.put_bot),
        web.get("/control/requests", tools.get_requests),
        web.get("/control/faults", tools.get_faults),
        web.post("/control/faults", tools.post_fault),
        web.delete("/control/faults", tools.delete_faults),
        web.get("/control/limits", tools.get_limits),
        web.put("/control/limits", tools.put_limits),
        web.get("/control/delivery", delivery.get_delivery),
        web.put("/control/delivery", delivery.put_delivery),
        web.post("/control/updates", delivery.post_update),
        web.get("/control/clock", tools.get_clock),
        web.post("/control/clock", tools.post_clock),
        web.post("/control/product-clock", tools.post_product_clock),
        web.get("/control/events", tools.get_events),
        web.get("/control/files/{path:.+}", tools.get_file),
        web.delete("/control", tools.delete_all),
    ]
