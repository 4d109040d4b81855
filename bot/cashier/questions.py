"""The words of a question for the customer's tap, on the customer's screen and on the till's."""

from __future__ import annotations

from bot.cashier.screens import Buttons, base36
from loyalty.purchases import hold_words
from loyalty.purchases.questions import DRAFT, GONE, REFUSED, Question
from loyalty.texts import Translator


def asking(_: Translator, question: Question, *, left: int, currency: str) -> tuple[str, Buttons]:
    """The question as the customer sees it, with the time that is left."""
    text = hold_words.question(
        _,
        points=question.points,
        outlet=question.outlet,
        total=question.total,
        currency=currency,
        seconds=left,
    )
    return text, answers(_, question.kind, question.hold_id or 0)


def answers(_: Translator, kind: str, hold_id: int) -> Buttons:
    """[Yes] [No]."""
    if kind == DRAFT:
        name = base36(hold_id)
        yes, no = f"hold:yes:{name}", f"hold:no:{name}"
    else:
        yes, no = f"{hold_words.YES}{hold_id}", f"{hold_words.NO}{hold_id}"
    return [[(_("✅ Yes, spend"), yes), (_("No"), no)]]


def ended(_: Translator, state: str) -> str:
    """What the customer's screen says when nobody has answered it."""
    if state == REFUSED:
        return _("No points were spent.")
    if state == GONE:
        return _("The till has taken its question back: no points were spent.")
    return "\n".join(
        (
            _("⌛ Time is over: no points were spent."),
            _("If you still want to spend them, tell the cashier."),
        )
    )


def waiting(
    _: Translator, draft_id: int, *, name: str | None, points: int, left: int
) -> tuple[str, Buttons]:
    """What the till shows while the customer is asked."""
    who = name or _("Customer without a name")
    said = _(
        "⏳ Waiting for {name} to confirm {points} in their own chat…",
        name=who,
        points=_.points(points),
    )
    return f"{said}\n{hold_words.time_left(_, left)}", back(_, draft_id)


def back(_: Translator, draft_id: int) -> Buttons:
    """What the cashier may do meanwhile."""
    return [
        [(_("Change points"), f"sale:none:{base36(draft_id)}")],
        [(_("Cancel"), f"sale:cancel:{base36(draft_id)}")],
    ]
