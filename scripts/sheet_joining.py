"""Scenes of the contact sheet: strangers come, by every link there is, and join."""

from __future__ import annotations

from scripts.sheet_props import Owner, TillProgram
from scripts.sheet_stage import Actor


def a_stranger_looks_around(stranger: Actor, owner: Owner) -> None:
    """A poster's link, all that can be read before agreeing, and every step with its slips."""
    stranger.shot("Before the first word")
    stranger.open(owner.poster(), "A poster's link: what this is")
    stranger.tap("join_text", "The agreement in full")
    stranger.tap("join_short")
    stranger.tap("join_lang")
    stranger.tap("join_lang", "Language changed and back")
    stranger.say("?", "A stranger types something")
    stranger.say("/privacy", "A stranger asks for their data")
    stranger.tap("menu")
    stranger.say("/help", "A stranger asks for help")
    stranger.tap("join_agree", "The phone number, by a key")
    stranger.say("+7 900 000-00-00", "A typed number", step="phone")
    stranger.send("Somebody else's contact", contact={"phone": "+79990000000", "user_id": 7})
    stranger.send("May we write about offers?", contact="own")
    stranger.tap("ads_later", "Later: the menu")


def a_friend_comes(host: Actor, friend: Actor) -> None:
    """By an invitation; no offers, no birthday."""
    host.tap("invite", "Invite a friend")
    host.tap("invite_qr", "The invitation as a QR")
    code = host.copied().rpartition("r_")[2]
    friend.open(f"r_{code}", "A friend's link")
    friend.tap("join_agree")
    friend.send("Joined by an invitation", contact="own")
    friend.tap("ads_no", "No offers: the menu")
    host.tap("invite", "Who has come")
    friend.open(f"r_{code}", "The same link once more")


def a_receipt_is_picked_up(till: TillProgram, guest: Actor) -> None:
    """A purchase without a card, its link on the receipt."""
    sold = till.sell("640.00")
    payload = sold["claim_url"].rpartition("start=")[2]
    guest.open(payload)
    guest.tap("join_agree")
    guest.send("Joined by a receipt", contact="own")
    guest.tap("ads_no")
    guest.open(payload, "The receipt's link once more")


def odd_messages(guest: Actor) -> None:
    """What nobody asked for."""
    guest.say("Сколько стоит латте?" if guest.stage.language == "ru" else "How much is a latte?",
              "A question out of the blue")  # fmt: skip
    guest.send("A sticker", sticker=True)
    guest.send("A recording", voice=True)
    guest.send("A picture", photo=True)
    guest.open("k_nothing", "A link that is none")


def old_buttons(guest: Actor) -> None:
    """Taps on what is no longer the newest, and on what never was."""
    guest.say("/menu")
    old = guest.chat()[-1]["message_id"]
    guest.say("/card")
    if any(one["message_id"] == old for one in guest.chat()):
        guest.tap_old(old, "profile", "An old menu")
