"""Scenes of the contact sheet: what a member sees and changes."""

from __future__ import annotations

from scripts.sheet_props import Owner
from scripts.sheet_stage import Actor, Stage


def anna_finds_her_card(anna: Actor) -> None:
    """A guest known at the till joins, and is asked for her birthday once."""
    anna.say("/start")
    anna.tap("join_agree")
    anna.send("A card known at the till", contact="own")
    anna.tap("ads_yes", "Offers, yes: the menu")
    anna.tap("card", "The card")
    anna.tap("card_refresh", "The card, refreshed")
    anna.tap("menu", "The birthday: month")
    anna.tap("born:5", "The birthday: day")
    anna.tap("born:5:17", "The birthday: decade")
    anna.tap("born:5:17:199", "The birthday: year")
    anna.tap("born:5:17:1994", "The birthday is kept")


def points(anna: Actor) -> None:
    """Balance, history and every line of it, stamps, coupons."""
    anna.tap("balance", "Points")
    anna.tap("history", "History")
    anna.tap("entry", "One line of the history")
    anna.tap("history")
    anna.tap("history:earned", "History: earned")
    anna.tap("history:spent", "History: spent")
    anna.tap("balance")
    anna.tap("stamps", "Stamps")
    anna.tap("menu")
    anna.tap("offers", "Coupons and offers")
    anna.tap("use", "A coupon, to be shown")
    anna.tap("offers")
    anna.tap("menu")
    anna.tap("help", "Help")
    anna.tap("menu")


def profile(stage: Stage, anna: Actor) -> None:
    """Everything in the profile."""
    anna.tap("profile", "Profile")
    anna.tap("name", "The name")
    anna.say("12345", "No name", step="name")
    anna.say(anna.name, "The name is kept", step="name")
    anna.tap("profile")
    anna.tap("birthday", "Another birthday")
    anna.say("31.02", "No date", step="birthday")
    anna.say("05.06.1990", "Really change it?", step="birthday")
    anna.tap("born_ok", "The birthday is changed")
    _to_profile(anna)
    anna.tap("zone", "Time zone")
    anna.tap("zone_other", "Time zone: the hour there")
    anna.tap("zone_at", "Time zone: the places")
    anna.tap("zone_other")
    anna.say("Лондон" if stage.language == "ru" else "London", "A city typed", step="zone_city")
    anna.tap("zone_other")
    anna.tap("zone")
    anna.tap("zone_set", "Time zone is kept")
    _to_profile(anna)
    anna.tap("quiet", "Quiet hours")
    anna.tap("quiet_own", "Own quiet hours: from")
    anna.tap("quiet_own:22", "Own quiet hours: until")
    anna.tap("quiet_set", "Quiet hours are kept")
    _to_profile(anna)
    anna.tap("likes", "What I like")
    anna.tap("like", "One thing liked")
    _to_profile(anna)
    anna.tap("number", "A new number")
    anna.say("+7 900 000-00-00", "A typed new number", step="number")
    anna.send("The same number", contact="own")
    _to_profile(anna)
    anna.tap("language", "Language")
    anna.tap(f"speak:{stage.language}", "Language is kept")


def _to_profile(anna: Actor) -> None:
    if anna.has("profile"):
        anna.tap("profile")
    else:
        anna.say("/profile")


def talk(anna: Actor, owner: Owner) -> None:
    """A message to the staff and their answer."""
    ru = anna.stage.language == "ru"
    if not anna.has("talk"):
        anna.say("/menu")
    anna.tap("talk", "Write to us")
    anna.send("Not a text", sticker=True, step="talk")
    anna.say("Круассаны кончились в полдень 😔" if ru else "No croissants left at noon 😔",
             "It has arrived", step="talk")  # fmt: skip
    anna.watch()
    owner.answer(anna.id)
    anna.stage.move("1m")  # what another process has queued is looked for now and then
    anna.waits_for("talk", "The staff answers")
    anna.tap("talk", "The whole talk")
    anna.say("/menu")


def rating(stage: Stage, anna: Actor) -> None:
    """The question after a purchase; few stars, five stars, words."""
    ru = stage.language == "ru"
    anna.watch()
    stage.move("20h")
    anna.waits_for("rate", "How was it?")
    anna.tap("rate", "A star too few")
    anna.say("Кофе был холодный" if ru else "My coffee was cold", "Words with it", step="rate_text")
    anna.tap("rate", "Five stars after all", last=True)
    anna.tap("rate_skip", "No words")


def privacy(anna: Actor) -> None:
    """What we hold, agreements, the file, stopping offers."""
    anna.say("/privacy", "My data")
    anna.tap("privacy_text", "The text agreed to")
    anna.tap("privacy")
    anna.tap("privacy_ads", "Offers switched over")
    anna.tap("privacy_file", "My data as a file")
    anna.say("/stop", "No more offers")
    anna.say("/menu")


def leaving(guest: Actor) -> None:
    """Erasing with time to think, and taking the agreement back."""
    guest.say("/privacy")
    guest.tap("privacy_erase", "Erase everything?")
    guest.tap("privacy_erase_sure", "It waits some days")
    guest.say("/menu", "The menu while it waits")
    guest.tap("privacy_keep", "Kept after all")
    guest.say("/privacy")
    guest.tap("privacy_leave", "Take the agreement back?")
    guest.tap("privacy_leave_sure", "Gone")
    guest.say("/privacy", "My data afterwards")
    guest.tap("menu", "Coming back")
