"""What the shop's owner and its till program prepare for the contact sheet's scenes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from loyalty import customers, enrolment, feedback, sources, staff, vouchers, wallet
from loyalty.ids import new_id
from loyalty.program import LocalText, PercentOff
from loyalty.staff.tables import staff as people
from scripts.sheet_stage import Json, Stage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SHOP = "system"
PROMO = "SHEET10"
REASONS = {"ru": "Победа в викторине", "en": "The quiz night's winner"}
ANSWERS = {
    "ru": "Спасибо, что написали! Круассаны теперь печём дважды в день, заходите после обеда.",
    "en": "Thank you for writing! We bake croissants twice a day now: come by after lunch.",
}


class Owner:
    """Does in the shop's database what the owner would do in the panel."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.now = stage.now

    def two_outlets(self, telegram_id: int) -> None:
        """Let this cashier sell at a second outlet."""

        def unit(session: Session) -> None:
            who = staff.find_by_telegram(session, telegram_id=telegram_id)
            assert who is not None
            mine = {place.id for place in staff.outlets_of(session, staff_id=who.id)}
            others = [place.id for place in staff.outlets(session) if place.id not in mine]
            staff.add_outlets(
                session, staff_id=who.id, outlet_ids=others[:1], now=self.now(), actor=SHOP
            )

        self._stage.in_shop(unit)

    def dismiss(self, telegram_id: int) -> None:
        """Take the cashier's role away."""

        def unit(session: Session) -> None:
            who = staff.find_by_telegram(session, telegram_id=telegram_id)
            assert who is not None
            staff.revoke(session, staff_id=who.id, now=self.now(), actor=SHOP)

        self._stage.in_shop(unit)

    def invitation(self) -> tuple[str, str]:
        """The payload of a link for a cashier who has no phone yet, and the cashier's name."""

        def unit(session: Session) -> tuple[str, str]:
            free = sa.select(people.c.id, people.c.name).where(
                people.c.role == staff.CASHIER,
                people.c.telegram_id.is_(None),
                people.c.revoked_at.is_(None),
            )
            found = session.execute(free.order_by(people.c.id).limit(1)).one()
            return "j_" + staff.invite(session, staff_id=found.id, now=self.now()), found.name

        return self._stage.in_shop(unit)

    def promo_code(self) -> str:
        """A promo code everybody may use."""
        vouchers_name = LocalText(ru="Приветствие: 10 %", en="Welcome: 10 %")

        def unit(session: Session) -> str:
            made = vouchers.create(
                session,
                created_by=SHOP,
                now=self.now(),
                kind=vouchers.PROMO_CODE,
                name=vouchers_name,
                effect=PercentOff(rate_bp=1000),
                code=PROMO,
            )
            return made.code

        return self._stage.in_shop(unit)

    def poster(self) -> str:
        """The payload of a poster's link."""
        made = self._stage.in_shop(
            lambda session: sources.make(session, name="Window", cost=0, actor=SHOP, now=self.now())
        )
        return made.payload

    def paper_card(self) -> str:
        """The payload of a blank printed card."""
        token, _pseudonym = enrolment.blank(self._stage.keys(), now=self.now())
        return f"c_{token}"

    def give_points(self, telegram_id: int, points: int) -> None:
        """Give a customer points, by hand."""

        def unit(session: Session) -> None:
            holder = customers.find_by_telegram(session, telegram_id)
            assert holder is not None
            wallet.request_adjustment(
                session,
                adjustment_id=new_id(),
                customer_id=holder.id,
                points=points,
                reason=REASONS[self._stage.language],
                actor=SHOP,
                alone_up_to=points,
                now=self.now(),
            )

        self._stage.in_shop(unit)

    def answer(self, telegram_id: int) -> None:
        """Answer what this customer has written."""

        def unit(session: Session) -> None:
            holder = customers.find_by_telegram(session, telegram_id)
            assert holder is not None
            found = feedback.talk_of(session, holder.id)
            assert found is not None
            feedback.answer(
                session,
                talk_id=found.id,
                text=ANSWERS[self._stage.language],
                key="sheet:answer",
                actor=_owner_of(session),
                now=self.now(),
            )

        self._stage.in_shop(unit)


def _owner_of(session: Session) -> str:
    query = sa.select(people.c.id).where(people.c.role == staff.OWNER).limit(1)
    return f"staff:{session.execute(query).scalar_one()}"


class TillProgram:
    """A till program that speaks the POS API, at the cashier's outlet."""

    def __init__(self, stage: Stage, cashier: int) -> None:
        self._stage = stage
        self._sales = 0

        def unit(session: Session) -> str:
            who = staff.find_by_telegram(session, telegram_id=cashier)
            assert who is not None
            assert who.outlet_id is not None
            return staff.add_key(session, outlet_id=who.outlet_id, now=stage.now())

        self._key = stage.in_shop(unit)

    def sell(self, total: str, **more: Any) -> Json:
        """Record a sale of that sum; the answer, a refusal too."""
        self._sales += 1
        name = "Праздничный набор" if self._stage.language == "ru" else "Party box"
        receipt = {
            "number": f"S-{self._sales}",
            "sold_at": self._stage.now().isoformat(),
            "lines": [{"name": name, "price": total}],
        }
        return self._post("purchases", {"receipt": receipt, **more})

    def _post(self, path: str, body: Json) -> Json:
        request = urllib.request.Request(
            f"{self._stage.panel}/api/v1/{path}", data=json.dumps(body).encode(), method="POST"
        )
        request.add_header("Authorization", f"Bearer {self._key}")
        request.add_header("Content-Type", "application/json")
        request.add_header("Idempotency-Key", f"sheet-{self._sales}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found: Json = json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            if refusal.code != 409:
                raise
            found = json.loads(refusal.read())
        return found
