"""The stories: each goes through one part of the bot by what a person types and taps."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from sqlalchemy.orm import Session

from loyalty import clock, customers, enrolment, vouchers, wallet
from loyalty.db import Rows
from loyalty.program import LocalText, PercentOff
from tests.bot.phone import KEYS
from tests.bot.stories.shop import OUTLETS, Actor, Shop

Story = Callable[[Shop], Awaitable[None]]


def _said(shop: Shop, en: str, ru: str) -> str:
    return ru if shop.language == "ru" else en


async def joined(shop: Shop, number: int = 1, *, payload: str = "", name: str = "Anna") -> Actor:
    """A new customer, all the way to the menu."""
    one = await shop.person(number, first_name=name)
    await one.say(f"/start {payload}".strip())
    await one.tap("join_agree")
    await one.sees(_said(shop, "One last step", "Последний шаг"))
    await one.share()
    await one.tap("ads_yes")
    await one.sees("card")
    return one


async def _give(shop: Shop, one: Actor, points: int) -> None:
    """Points by hand, so that there is something to spend."""

    def unit(session: Session) -> None:
        person = customers.find_by_telegram(session, one.id)
        assert person is not None
        wallet.adjust(
            session, customer_id=person.id, points=points, reason="story", actor="system",
            key=f"story:{one.id}", now=clock.now(),
        )  # fmt: skip

    await shop.db.transact(unit)


async def _coupon(shop: Shop, one: Actor) -> None:
    """Ten percent off, for this customer."""

    def unit(session: Session) -> None:
        person = customers.find_by_telegram(session, one.id)
        assert person is not None
        rows = Rows()
        vouchers.issue(
            rows, kind=vouchers.COUPON, name=LocalText(ru="Десять", en="Ten"),
            effect=PercentOff(rate_bp=1000), source_kind="hand", created_by="system",
            customer_id=person.id, issue_key=f"story:{one.id}", now=clock.now(),
        )  # fmt: skip
        rows.put(session)

    await shop.db.transact(unit)


async def _code(one: Actor) -> str:
    """The eight digits under the card that is open now."""
    message = await one.sees("card_refresh")
    found = re.search(r"\b(\d{4}) ?(\d{4})\b", message["caption"])
    assert found, message["caption"]
    return found[1] + found[2]


async def _rung_up(shop: Shop, ann: Actor, carl: Actor, amount: str) -> None:
    """The card is shown, its code and the sum are typed: the quote stands at the till."""
    await ann.tap("card")
    await carl.say(await _code(ann))
    await carl.sees("sale:cancel")
    await carl.say(amount)
    await carl.sees("sale:confirm:")


# --- customers -------------------------------------------------------------------------------


async def joining(shop: Shop) -> None:
    """Three taps and a contact; by a friend's link."""
    ann = await joined(shop)
    await ann.tap("invite")
    message = await ann.sees("start=r_")
    code = re.search(r"start=(r_\w+)", message["text"])
    assert code
    await joined(shop, 2, payload=code[1], name="Boris")


async def leaving_and_coming_back(shop: Shop) -> None:
    """Stop offers, take everything back, join again; ask to be erased and change one's mind."""
    ann = await joined(shop)
    await ann.say("/stop")
    await ann.tap("ads_yes")
    await ann.say("/privacy")
    await ann.tap("privacy_leave")
    await ann.tap("privacy_leave_sure")
    await ann.say("/start")
    await ann.tap("join_agree")
    await ann.sees("card")
    await ann.say("/privacy")
    await ann.tap("privacy_erase")
    await ann.tap("privacy_erase_sure")
    await ann.say("/start")
    await ann.tap("privacy_keep")
    await ann.say("/start")
    await ann.sees("profile")


async def profile(shop: Shop) -> None:
    """Name typed; birthday, zone and quiet hours by tapping."""
    ann = await joined(shop)
    await ann.tap("profile")
    await ann.tap("name")
    await ann.sees("profile")
    await ann.say("Anna Maria")
    await ann.sees("Anna Maria")
    await ann.say("/profile")
    await ann.tap("birthday")
    await ann.tap("born:6")
    await ann.tap("born:6:5")
    await ann.tap("born:6:5:0")
    await ann.say("/profile")
    await ann.tap("zone")
    await ann.tap("zone_set:Asia/Yekaterinburg")
    await ann.say("/profile")
    await ann.tap("quiet")
    await ann.tap("quiet_set:0:0")
    await ann.say("/profile")
    await ann.sees("Anna Maria")


async def a_word_to_the_staff(shop: Shop) -> None:
    """A question typed goes to the staff, once."""
    ann = await joined(shop)
    await ann.tap("talk")
    await ann.sees(_said(shop, "Type your message", "Напишите"))
    await ann.say("Do you have oat milk?")
    await ann.sees("Do you have oat milk?")


async def by_a_poster_days_later(shop: Shop) -> None:
    """The poster's link is remembered while joining rests in the middle, whatever comes between."""
    ann = await shop.person(1, first_name="Anna")
    await ann.open("s_window")
    await ann.tap("join_text")
    await ann.tap("join_short")
    await ann.tap("join_agree")
    await ann.sees(_said(shop, "One last step", "Последний шаг"))
    await ann.say("what?")
    await ann.say("/start")
    await ann.share()
    await ann.tap("ads_no")
    await ann.sees("card")


async def another_telegram_account(shop: Shop) -> None:
    """A known phone in a new account: the old chat is told, the points wait."""
    await joined(shop)
    new = await shop.person(2, first_name="Anna", phone="+79990000001")
    await new.say("/start")
    await new.tap("join_agree")
    await new.sees(_said(shop, "One last step", "Последний шаг"))
    await new.share()
    await new.tap("ads_no")
    await new.tap("balance")
    await new.sees("history")


async def interests_and_a_coupon(shop: Shop) -> None:
    """A like is ticked; a coupon is opened and left."""
    ann = await joined(shop)
    await _coupon(shop, ann)
    await ann.tap("profile")
    await ann.tap("likes")
    await ann.tap("like:")
    await ann.say("/offers")
    await ann.tap("use:")
    await ann.tap("offers")
    await ann.sees("use:")


# --- the till --------------------------------------------------------------------------------


async def a_plain_sale(shop: Shop) -> None:
    """Code, sum, confirm; then how it was: two stars and a word."""
    ann, carl = await joined(shop), await shop.cashier(90, "Carl")
    await _rung_up(shop, ann, carl, "450,5")
    await carl.tap("sale:confirm:")
    await carl.sees("undo:ask:")
    await ann.say("/history")
    await ann.tap("entry:")
    await ann.tap("rate:")
    await ann.tap(await _star(ann, 2))
    await ann.sees(_said(shop, "What went wrong", "Что пошло не так"))
    await ann.say("The coffee was cold")
    # The first purchase is the good moment for the question; it can be put off. (A restart may
    # come between the question and its answer, and it is not asked twice by itself.)
    await ann.say("/start")
    await shop.settle()
    await ann.say("/profile")
    await ann.tap("birthday")
    await ann.tap("birthday_skip")
    await ann.sees("profile")


async def _star(one: Actor, score: int) -> str:
    message = await one.sees("rate:")
    data = [b["callback_data"] for row in message["buttons"] for b in row if b["callback_data"]]
    return next(d for d in data if d.startswith("rate:") and d.endswith(f":{score}"))


async def points_with_the_customers_tap(shop: Shop) -> None:
    """Above the limit the customer is asked; their yes makes the sale."""
    ann, carl = await joined(shop), await shop.cashier(90, "Carl")
    await _give(shop, ann, 900)
    await _rung_up(shop, ann, carl, "3 000")
    await carl.tap("sale:ask:")
    await ann.tap("hold:yes:")
    await carl.sees("undo:ask:")


async def points_refused_then_fewer(shop: Shop) -> None:
    """The customer says no; the sale goes on with a part that needs no tap."""
    ann, carl = await joined(shop), await shop.cashier(90, "Carl")
    await _give(shop, ann, 900)
    await _rung_up(shop, ann, carl, "3000")
    await carl.tap("sale:ask:")
    await ann.tap("hold:no:")
    await carl.tap("sale:part:")
    await carl.sees("sale:none:")
    await carl.say("120")
    await carl.sees(_said(shop, "120", "120"))
    await carl.tap("sale:confirm:")
    await carl.sees("undo:ask:")


async def coupon_and_stamps(shop: Shop) -> None:
    """A coupon of the customer and a stamp in the same step."""
    ann, carl = await joined(shop), await shop.cashier(90, "Carl")

    await _coupon(shop, ann)
    await _rung_up(shop, ann, carl, "1000")
    await carl.tap("sale:code:")
    await carl.tap("sale:own:")
    await carl.tap("sale:st:")
    await carl.tap("sale:confirm:")
    await carl.sees("undo:ask:")


async def undone(shop: Shop) -> None:
    """A slip of the hand is taken back, and the sale rung up again with the right sum."""
    ann, carl = await joined(shop), await shop.cashier(90, "Carl")
    await _rung_up(shop, ann, carl, "4500")
    await carl.tap("sale:confirm:")
    await carl.tap("undo:ask:")
    await carl.tap("undo:do:")
    await carl.tap("undo:again:")
    await carl.sees("sale:cancel")
    await carl.say("450")
    await carl.tap("sale:confirm:")
    await carl.sees("undo:ask:")


async def returned(shop: Shop) -> None:
    """A purchase of today comes back after a preview."""
    ann, carl = await joined(shop), await shop.cashier(90, "Carl")
    await _rung_up(shop, ann, carl, "700")
    await carl.tap("sale:confirm:")
    await carl.sees("undo:ask:")
    await carl.say("/return")
    await carl.tap("ret:view:")
    await carl.tap("ret:take:")
    await carl.sees("till:sale")


async def two_outlets(shop: Shop) -> None:
    """A cashier of two outlets sells at one, then at the other."""
    ann, carl = await joined(shop), await shop.cashier(90, "Carl", *OUTLETS)
    await carl.say("/shift")
    await carl.tap("place:choose")
    await carl.tap("place:at:")
    await _rung_up(shop, ann, carl, "200")
    await carl.tap("sale:confirm:")
    await carl.sees("undo:ask:")
    await carl.say("/shift")
    await carl.sees("till:sale")


async def a_guest_without_data(shop: Shop) -> None:
    """A new guest's sale; the QR on the till's screen makes the guest a member with the points."""
    carl = await shop.cashier(90, "Carl")
    await carl.say("/sale")
    await carl.tap("sale:new")
    await carl.tap("sale:guest")
    await carl.sees("sale:cancel")
    await carl.say("500")
    await carl.tap("sale:confirm:")
    # Whatever became of the picture that comes by itself, there is a button for it.
    await carl.tap("sale:card:")
    message = await carl.sees("start=c_")
    found = re.search(r"start=(c_[\w-]+)", message["caption"] or message["text"])
    assert found
    dora = await shop.person(5, first_name="Dora")
    await dora.open(found[1])
    await dora.tap("join_agree")
    await dora.sees(_said(shop, "One last step", "Последний шаг"))
    await dora.share()
    await dora.tap("ads_no")
    await dora.tap("balance")
    await dora.sees("history")


async def a_paper_card_of_a_member(shop: Shop) -> None:
    """A blank card is scanned at the till and earns; its owner, a member, puts it on their own."""
    carl, ann = await shop.cashier(90, "Carl"), await joined(shop)
    payload = f"c_{enrolment.blank(KEYS, now=clock.now())[0]}"
    await carl.open(payload)
    await carl.sees("sale:cancel")
    await carl.say("1000")
    await carl.tap("sale:confirm:")
    await carl.sees("undo:ask:")
    await ann.open(payload)
    await ann.tap("paper")
    await ann.say("/balance")
    await ann.sees("history")


STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (
        joining,
        leaving_and_coming_back,
        profile,
        a_word_to_the_staff,
        by_a_poster_days_later,
        another_telegram_account,
        interests_and_a_coupon,
        a_plain_sale,
        points_with_the_customers_tap,
        points_refused_then_fewer,
        coupon_and_stamps,
        undone,
        returned,
        two_outlets,
        a_guest_without_data,
        a_paper_card_of_a_member,
    )
}
