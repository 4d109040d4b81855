"""Words for webhooks: events, answers, refused addresses."""

from __future__ import annotations

from markupsafe import Markup

from loyalty.errors import WebhookInvalid
from loyalty.texts import N_, Translator
from loyalty.webhooks import MOST

_TYPES = {
    "customer.joined": N_("A guest has joined"),
    "purchase.recorded": N_("A purchase"),
    "purchase.returned": N_("A return"),
    "points.expired": N_("Points have expired"),
    "tier.changed": N_("Another level"),
    "consent.changed": N_("A consent was given or withdrawn"),
    "message.clicked": N_("A click in a message"),
    "chain.step": N_("A step of a chain"),
    "test": N_("Test"),
}
_ANSWERS = {
    "timeout": N_("did not answer within 10 seconds"),
    "refused": N_("nobody listens there"),
    "dropped": N_("broke off without an answer"),
    "unresolved": N_("there is no such address"),
    "tls": N_("its certificate is not valid"),
    "private_address": N_("leads to an inner network, which is not allowed"),
    "not_an_address": N_("this is no address"),
    "too_big": N_("too long to be told"),
    "failed": N_("something went wrong on our side"),
}
_PROBLEMS = {
    "not_an_address": N_("This is no web address. Write it like https://shop.example/hook"),
    "too_long": N_("The address is too long."),
    "has_password": N_("Leave name and password out of the address: our signature says who calls."),
    "private_address": N_("This address leads to an inner network. It must be on the internet."),
    "needs_https": N_("The address must begin with https://"),
    "no_events": N_("Choose at least one event."),
    "unknown_event": N_("Choose from the events in the list."),
}


class AnswerWords:
    """What the pages of webhooks say beside their templates, in one language."""

    def __init__(self, t: Translator) -> None:
        self._t = t

    def type(self, code: str) -> Markup:
        """ "A purchase"."""
        return self._t(_TYPES[code]) if code in _TYPES else Markup.escape(code)

    def answer(self, text: str | None) -> Markup:
        """What came back, and in how many milliseconds: "answered 200, 34 ms"."""
        _ = self._t
        code, _space, took = (text or "").partition(" ")
        if code in _ANSWERS:
            return _(_ANSWERS[code])
        if code.startswith("3"):
            return _("answered {code}; we do not follow it elsewhere", code=code)
        return _("answered {code}, {n} ms", code=code, n=took) if code else Markup("–")

    def problem(self, error: WebhookInvalid) -> str:
        """Why an address was not taken."""
        _ = self._t
        code = str(error.facts.get("problem"))
        if code == "too_many":
            return str(_("{n} addresses are enough. Remove one first.", n=MOST))
        return str(_(_PROBLEMS.get(code, _PROBLEMS["not_an_address"])))
