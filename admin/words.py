"""Words for what the database keeps as codes: roles, states, reasons, kinds, refusals."""

from __future__ import annotations

import re
from datetime import date

from markupsafe import Markup

from admin.chains_reasons import REASONS, say_outcome, say_reason
from loyalty.errors import DomainError, Invalid, NotAllowed, NotFound
from loyalty.promotions.describe import breakdown
from loyalty.reports.card import Bought, Communication
from loyalty.stamps import StampEntry
from loyalty.texts import N_, Translator
from loyalty.wallet import EntryView

_ROLES = {
    "owner": N_("Owner"),
    "marketer": N_("Marketer"),
    "analyst": N_("Analyst"),
    "cashier": N_("Cashier"),
}
_STATUSES = {
    "active": N_("Joined"),
    "anonymous": N_("Not joined yet"),
    "blocked": N_("Blocked"),
}
_TIERS = {"bronze": N_("Bronze"), "silver": N_("Silver"), "gold": N_("Gold")}
_SOURCES = {
    "bot": N_("Telegram"),
    "pos": N_("Till"),
    "panel": N_("Panel"),
    "import": N_("Imported"),
    "demo": N_("Made up"),
}
_ENTRIES = {
    "accrual": N_("Earned with a purchase"),
    "redemption": N_("Spent on a purchase"),
    "expiry": N_("Expired"),
    "clawback": N_("Taken back after a return"),
    "refund": N_("Given back after a return"),
    "repayment": N_("Points owed were repaid"),
    "adjustment": N_("Corrected by hand"),
    "welcome": N_("Welcome gift"),
    "birthday": N_("Birthday gift"),
    "referral": N_("For bringing a friend"),
    "gift": N_("Gift"),
    "chain_gift": N_("Gift"),
    "import": N_("Brought over from the old program"),
}
_STAMPS = {
    "earned": N_("For a purchase"),
    "gift": N_("Gift"),
    "completed": N_("A full card became a reward"),
    "returned": N_("Taken back after a return"),
    "reopened": N_("A reward was taken back"),
    "debt": N_("Owed after a return"),
    "repaid": N_("Owed stamps were made up for"),
}
CHAIN_NAMES = {
    "welcome": N_("Welcome"),
    "expiry": N_("Points about to expire"),
    "bonus_expiry": N_("Points about to expire"),
    "birthday": N_("Birthday"),
    "post_purchase": N_("After a purchase"),
    "replenishment": N_("Time to buy again"),
    "abandoned_cart": N_("Forgotten cart"),
    "abandoned_view": N_("Viewed and left"),
    "renewal": N_("Renewal"),
    "anniversary": N_("Anniversary"),
    "win_back": N_("We miss you"),
    "tier_progress": N_("Close to the next tier"),
    "referral": N_("Bring a friend"),
    "rating": N_("How was it?"),
    "seasonal": N_("Season"),
}
_TEMPLATES = {
    "receipt": N_("Receipt"),
    "returned": N_("Return"),
    "undone": N_("Sale taken back"),
    "welcome_points": N_("Welcome points"),
    "birthday_points": N_("Birthday points"),
    "tier_warned": N_("A level in danger"),
    "referral_reward": N_("Points for a friend"),
    "consent_changed": N_("Consent changed"),
    "staff_answer": N_("An answer of the team"),
    "talk_waits": N_("A guest waits for an answer"),
    "new_account_used_your_phone": N_("Somebody used this phone number"),
}
_STATES = {
    "queued": N_("waiting to leave"),
    "claimed": N_("waiting to leave"),
    "sending": N_("leaving now"),
    "sent": N_("sent"),
    "unknown": N_("perhaps delivered"),
    "blocked": N_("the customer has blocked the bot"),
    "rejected": N_("Telegram refused it"),
    "dead": N_("could not be sent"),
    "skipped": N_("not sent"),
    "cancelled": N_("cancelled"),
}
_DEEDS = ("gift", "tag", "task", "webhook")
"""What a chain does without a word: nothing has to leave for it."""
_PURPOSES = {
    "personal_data": N_("Personal data"),
    "ads:telegram": N_("Advertising in Telegram"),
    "ads:email": N_("Advertising by e-mail"),
    "ads:sms": N_("Advertising by SMS"),
    "ads:push": N_("Advertising by push messages"),
    "ads:phone": N_("Advertising by phone"),
    "ads:post": N_("Advertising by post"),
}
_CHANNELS = {"telegram": N_("Telegram"), "bot": N_("Telegram"), "panel": N_("Panel"),
             "demo": N_("Made up"), "import": N_("Imported"), "pos": N_("Till")}  # fmt: skip
_LANGUAGES = {"ru": N_("Russian"), "en": N_("English")}
_SEXES = {"f": N_("Female"), "m": N_("Male")}
_PROBLEMS = {
    "wrong_credentials": N_("These details do not fit. Check them and try again."),
    "invitation_used": N_("This invitation has been used or has expired. Ask for a new one."),
    "name_taken": N_("This name is taken already. Choose another one."),
    "outlet_not_found": N_("There is no such outlet any more."),
    "staff_not_found": N_("There is no such person any more."),
    "customer_not_found": N_("There is no such customer."),
    "source_not_found": N_("There is no such poster."),
    "segment_invalid": N_("This rule about customers does not fit together. Please check it."),
    "segment_not_found": N_("There is no such segment any more."),
    "webhook_not_found": N_("There is no such address any more."),
    "amount_invalid": N_("I could not read the sum. Please type it like 450 or 450.50"),
    "amount_out_of_range": N_("This sum is too large or below zero."),
    "chain_not_found": N_("There is no such chain or step any more."),
    "program_draft_not_found": N_("The draft is gone: it was published or dropped."),
    "program_version_not_found": N_("There is no such version of the program."),
    "program_changed": N_("Somebody else has changed the draft meanwhile."),
    "nothing_to_publish": N_("The draft says the same as the rules in force: nothing to publish."),
    "version_has_begun": N_("This version has begun already. Publish a new one instead."),
    "publication_in_past": N_("Choose a moment that is still ahead, or publish at once."),
    "reason_invalid": N_("Write the reason, in 3 to 200 characters."),
    "second_person_needed": N_("You asked for this yourself: another owner has to decide."),
    "adjustment_decided": N_("Somebody has decided about this already."),
    "adjustment_not_found": N_("There is no such correction. Open the card again and repeat."),
    "account_broken": N_("These points do not add up. They are released once that is mended."),
    "promotion_not_found": N_("There is no such promotion."),
    "entry_not_found": N_("There is no such entry."),
    "dry_run_not_found": N_("I could not find this dry run."),
    "dry_run_period": N_("Please choose a first day that is not after the last one."),
    "task_not_found": N_("There is no such call."),
    "staff_has_no_chat": N_("Connect your own Telegram first, then we can send it to you."),
    "task_closed": N_("This call is over already."),
    "product_not_found": N_("There are no such goods in the catalogue."),
    "talk_not_found": N_("There is no such talk."),
    "talk_closed": N_("This talk is closed. Open it again to answer."),
    "other_talk_open": N_("The guest has begun another talk: answer there."),
    "words_invalid": N_("Write something, up to 2,000 characters."),
    "tier_not_found": N_("The program has no such level any more."),
    "stamps_invalid": N_("Give 1 to 50 stamps, on a card of the program."),
    "voucher_not_found": N_("There is no such voucher."),
    "voucher_already_active": N_("This card is not waiting to be sold any more."),
    "voucher_blocked": N_("It was taken back with a return and stays closed."),
    "referral_not_found": N_("There is no such invitation."),
    "referral_decided": N_("Somebody has decided about this already."),
    "anomaly_not_found": N_("There is no such entry."),
    "database_busy": N_("Too much is going on right now. Try again in a moment."),
}
_FAMILIES: tuple[tuple[type[DomainError], str], ...] = (
    (NotFound, N_("There is no such thing any more.")),
    (NotAllowed, N_("You may not do this.")),
    (Invalid, N_("Something is not filled in right.")),
    (DomainError, N_("This is not possible now.")),
)
_GOOD, _BAD, _WAITING, _PLAIN = "good", "bad", "waiting", "plain"


class Words:
    """The words in one language."""

    def __init__(self, t: Translator) -> None:
        self._t = t

    def _of(self, table: dict[str, str], code: str | None) -> Markup:
        return self._t(table[code]) if code in table else Markup.escape(code or "–")

    def role(self, code: str) -> Markup:
        """ "Owner"."""
        return self._of(_ROLES, code)

    def status(self, code: str) -> Markup:
        """ "Joined"."""
        return self._of(_STATUSES, code)

    def tier(self, code: str) -> Markup:
        """ "Silver"."""
        return self._of(_TIERS, code)

    def source(self, code: str) -> Markup:
        """Where a purchase came from."""
        return self._of(_SOURCES, code)

    def language(self, code: str) -> Markup:
        """ "Russian"."""
        return self._of(_LANGUAGES, code)

    def sex(self, code: str) -> Markup:
        """ "Female"."""
        return self._of(_SEXES, code)

    def purpose(self, code: str) -> Markup:
        """What a consent is about."""
        return self._of(_PURPOSES, code)

    def channel(self, code: str) -> Markup:
        """Where a consent was given."""
        return self._of(_CHANNELS, code)

    def entry(self, entry: EntryView) -> Markup:
        """Why points came or went."""
        return self._of(_ENTRIES, entry.kind)

    def stamps(self, entry: StampEntry) -> Markup:
        """Why stamps came or went."""
        return self._of(_STAMPS, entry.kind)

    def birthday(self, born: tuple[int, int, int | None]) -> str:
        """Day and month, the year too if the customer told it."""
        day, month, year = born
        return self._t.day(date(year or 2000, month, day), year=year is not None)

    def phone(self, number: str) -> str:
        """A number in groups: "+7 912 345-67-89"."""
        found = re.fullmatch(r"\+7(\d{3})(\d{3})(\d\d)(\d\d)", number)
        return "+7 {} {}-{}-{}".format(*found.groups()) if found else number

    def masked(self, number: str) -> str:
        """A number with only its last digits: "+7 ··· ··-89"."""
        return f"{number[:2]}\u00a0•••\u00a0••\u00a0{number[-2:]}"

    def quantity(self, milli: int) -> str:
        """Thousandths of a piece: "2", "0,35"."""
        whole, rest = divmod(milli, 1000)
        if not rest:
            return self._t.number(whole)
        point = "," if self._t.language == "ru" else "."
        return f"{self._t.number(whole)}{point}{rest:03d}".rstrip("0")

    def reasons(self, item: Bought) -> list[tuple[Markup, int]]:
        """Where a receipt's points come from, line by line, and how many each gave."""
        return breakdown(self._t, item.parts, item.names)

    def message(self, item: Communication) -> Markup:
        """What a message is about."""
        t = self._t
        if item.source:
            kind, _, key = item.source.partition(":")
            if kind == "campaign":
                return t("Campaign")
            return self._of(CHAIN_NAMES, key.replace("-", "_"))
        if item.template is None:
            return t("Message")
        return self._of(_TEMPLATES, item.template)

    def outcome(self, item: Communication) -> tuple[str, Markup, Markup | None]:
        """How it went: a colour's name, the state, and the reason if there is one to tell."""
        t = self._t
        reason = say_reason(t, item.reason)
        if item.decision == "held_out":
            said = say_outcome(t, "held_out", item.message_class)
            return _PLAIN, said, say_reason(t, "holdout")
        if item.decision == "skipped":
            return _PLAIN, say_outcome(t, "skipped", item.message_class), reason
        if item.decision == "wait":
            return _WAITING, t("waits"), reason
        if item.state is None and item.source and item.message_class in _DEEDS:
            return _GOOD, say_outcome(t, "done", item.message_class), None
        state = item.state or "queued"
        why = say_reason(t, item.state_reason) if item.state_reason in REASONS else None
        colour = {
            "sent": _GOOD,
            "queued": _WAITING,
            "claimed": _WAITING,
            "sending": _WAITING,
            "blocked": _BAD,
            "rejected": _BAD,
            "dead": _BAD,
        }.get(state, _PLAIN)
        return colour, self._of(_STATES, state), why

    def problem(self, error: DomainError) -> Markup:
        """A refusal as a sentence with the mend."""
        if error.code == "too_many_tries":
            minutes = max(1, -(-int(error.facts.get("retry_after_s", 60)) // 60))
            return self._t.plural(
                "Too many tries. Come back in {n} minute.",
                "Too many tries. Come back in {n} minutes.",
                minutes,
            )
        if error.code == "password_too_short":
            return self._t.plural(
                "The password needs at least {n} character.",
                "The password needs at least {n} characters.",
                int(error.facts.get("minimum", 10)),
            )
        if error.code == "points_invalid":
            if "available" not in error.facts:
                return self._t("Write whole points, like 50 or −50, with a day that is ahead.")
            return self._t.plural(
                "Only {n} point can be taken here.",
                "Only {n} points can be taken here.",
                int(error.facts["available"]),
            )
        if error.code in _PROBLEMS:
            return self._t(_PROBLEMS[error.code])
        family = next(text for cls, text in _FAMILIES if isinstance(error, cls))
        return self._t(family)
