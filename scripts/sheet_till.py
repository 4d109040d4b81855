"""Scenes of the contact sheet: the till."""

from __future__ import annotations

from scripts.sheet_props import Owner, TillProgram
from scripts.sheet_stage import Actor


def home(vera: Actor, owner: Owner) -> None:
    """Greeting, help, two outlets."""
    vera.say("/start", "The till")
    vera.tap("till:help", "Help at the till")
    owner.two_outlets(vera.id)
    vera.say("/start", "The till, two outlets")
    vera.tap("place:choose", "Where are you today?")
    vera.tap("place:home")
    vera.tap("place:choose")
    vera.tap("place:at", "The outlet is changed", last=True)
    vera.tap("place:choose")
    vera.tap("place:at")
    vera.tap("till:sale", "A new sale")
    vera.say("латте" if vera.stage.language == "ru" else "latte", "Not understood at the till")
    vera.say("00000000", "No such code")


def _scan(vera: Actor, anna: Actor, title: str = "") -> None:
    anna.say("/card")
    vera.scan(anna, title)


def a_sale(vera: Actor, anna: Actor, owner: Owner) -> None:
    """Card, sum, kind, stamps, codes, points, confirmation; undone and done."""
    code = owner.promo_code()
    _scan(vera, anna, "A card is scanned")
    vera.say("много" if vera.stage.language == "ru" else "a lot", "No sum", step="till:sum")
    vera.say("1 450", "The quote", step="till:sum")
    vera.tap("sale:cat", "A kind of goods")
    vera.tap("sale:more", "One more item")
    vera.say("120,50", "Two items", step="till:sum")
    vera.tap("sale:less", "One item less")
    if vera.has("sale:st"):
        vera.tap("sale:st", "A stamp counted")
    vera.tap("sale:code", "A code to type")
    vera.say("NOSUCH", "No such promo code", step="till:coupon")
    vera.tap("sale:show")
    vera.tap("sale:code")
    vera.say(code, "The promo code counts", step="till:coupon")
    vera.tap("sale:drop", "Without the code")
    vera.tap("sale:code")
    vera.tap("sale:own", "Her own coupon")
    vera.tap("sale:drop")
    vera.tap("sale:part", "A part of the points")
    vera.say("7000", "More than there is", step="till:part")
    vera.say("50", "Fifty points", step="till:part")
    vera.tap("sale:none", "Without points")
    vera.tap("sale:all", "All the points")
    anna.watch()
    vera.tap("sale:confirm", "Done")
    anna.hears("The receipt")
    vera.tap("undo:ask", "Undo it?")
    vera.tap("undo:back")
    vera.tap("undo:ask")
    anna.watch()
    vera.tap("undo:do", "Undone")
    anna.hears("Undone, for the guest")
    vera.tap("undo:again", "The same guest again")
    vera.say("300", step="till:sum")
    vera.tap("sale:cat")
    vera.tap("sale:code")
    vera.tap("sale:own")
    vera.tap("sale:confirm")
    anna.say("/offers", "The coupon is used")
    vera.tap("till:sale", "The last guest by a button")
    vera.tap("sale:again", "Without the card at hand")
    vera.tap("sale:cancel", "Cancelled")


def more_than_the_limit(vera: Actor, anna: Actor, owner: Owner, till: TillProgram) -> None:
    """The guest is asked for many points: no, yes, and by a till program."""
    owner.give_points(anna.id, 1500)
    for answer, title in (("hold:no", "No"), ("hold:yes", "Yes")):
        _scan(vera, anna)
        vera.say("2000", step="till:sum")
        anna.watch()
        vera.tap("sale:ask", "The guest is asked" if answer == "hold:no" else "")
        anna.waits_for(answer, "May the till spend them?" if answer == "hold:no" else "")
        vera.watch()
        anna.tap(answer, f"{title}, for the guest")
        vera.shot(f"{title}, at the till")
    anna.say("/card")
    code = anna.copied()
    anna.watch()
    till.sell("2400.00", customer=code, redeem=600)
    anna.waits_for("spend:yes:", "A till program asks")
    anna.tap("spend:yes:", "Agreed with a till program")


def new_guests(vera: Actor, guest: Actor, owner: Owner) -> None:
    """Without personal data: on the till's phone, and on a paper card."""
    vera.say("/sale")
    vera.tap("sale:new", "Somebody new")
    vera.tap("sale:guest", "A guest without a card")
    vera.say("280", "The quote of a new guest", step="till:sum")
    vera.tap("sale:confirm", "Done, with a QR for the guest")
    if vera.has("sale:card"):
        vera.tap("sale:card", "The QR once more")
    paper = owner.paper_card()
    vera.open(paper, "A blank paper card")
    vera.say("350", step="till:sum")
    vera.tap("sale:confirm", "Done on a paper card")
    guest.open(paper, "The paper card on one's phone")
    guest.tap("paper", "It is theirs")


def a_late_card(vera: Actor, anna: Actor, till: TillProgram) -> None:
    """The card is shown after the receipt."""
    till.sell("520.00")
    _scan(vera, anna, "A receipt waits for a card")
    vera.tap("sale:late", "Put it on this card?")
    vera.tap("sale:put", "It is on the card")


def returns(vera: Actor, anna: Actor) -> None:
    """By today's list and by number."""
    vera.say("/return", "Which purchase comes back?")
    vera.say("zzz", "No such number", step="till:return")
    vera.say("/return")
    vera.tap("ret:view", "What comes back")
    if vera.has("ret:pick"):
        vera.tap("ret:pick", "Some of the goods")
    vera.tap("ret:close", "Nothing came back")
    vera.tap("till:return")
    vera.tap("ret:view")
    anna.watch()
    vera.tap("ret:take", "Returned")
    anna.hears("The return, for the guest")
    vera.say("/shift", "The shift")
    vera.tap("till:shift:1", "Yesterday's shift")


def outsiders(vera: Actor, friend: Actor, owner: Owner) -> None:
    """Who does not work here, comes to work, and no longer works here."""
    friend.say("/sale", "Not a cashier")
    link, name = owner.invitation()
    newcomer = friend.stage.person(1006, name, name)
    newcomer.open(link, "A new cashier")
    friend.open(link, "A used invitation")
    if friend.has("birthday_skip"):
        friend.tap("birthday_skip", "No birthday")
    vera.say("/start")
    owner.dismiss(vera.id)
    vera.tap("till:sale", "No longer a cashier")
