"""What came of a dry run, put into words and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from admin.render import Say
from loyalty.amounts import points_to_money
from loyalty.dryrun import Run
from loyalty.texts import N_, Translator


@dataclass(frozen=True, slots=True)
class Spec:
    """A figure of the table: where it stands in a side of the result, and what it is called."""

    key: str
    label: str
    hint: str = ""
    money: bool = False
    # Whether more of it costs the business more.
    strong: bool = False

    def value(self, side: Mapping[str, int]) -> int:
        """Points, a number, or minor units."""
        if self.key == "liability":
            return points_to_money(side["outstanding"])
        return side[self.key]


FIGURES = (
    Spec("issued", N_("Points for receipts")),
    Spec("gifts", N_("Points for goals reached")),
    Spec("other", N_("Other points"), N_("welcome, birthdays, friends, corrections")),
    Spec("returned", N_("Points taken back with returns")),
    Spec("spent", N_("Points spent")),
    Spec("expired", N_("Points expired")),
    Spec("outstanding", N_("Points outstanding at the end")),
    Spec("stamps", N_("Stamps")),
    Spec("rewards", N_("Rewards"), N_("full stamp cards, prizes, coupons for goals")),
    Spec("rewards_cost", N_("What the rewards cost"), money=True),
    Spec("discounts", N_("Discounts of promotions"), money=True),
    Spec("cost", N_("Cost"), N_("points at 1.00, rewards and discounts"), money=True, strong=True),
    Spec("liability", N_("Liability at the end"), N_("points outstanding at 1.00"), money=True),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table, ready to be shown."""

    key: str
    label: str
    hint: str
    before: str
    after: str
    change: str
    # -1, 0 or 1
    direction: int
    strong: bool

    @classmethod
    def of(cls, spec: Spec, result: Mapping[str, Any], t: Translator, say: Say) -> Figure:
        """The figure of a result."""
        before, after = spec.value(result["baseline"]), spec.value(result["candidate"])
        form = say.money if spec.money else t.number
        return cls(
            key=spec.key,
            label=str(t(spec.label)),
            hint=str(t(spec.hint)) if spec.hint else "",
            before=form(before),
            after=form(after),
            change=signed(after - before, form),
            direction=(after > before) - (after < before),
            strong=spec.strong,
        )


def signed(difference: int, form: Any) -> str:
    """A difference with its sign; a dash for none."""
    if not difference:
        return "–"
    return f"{'+' if difference > 0 else '−'}{form(abs(difference))}"


def months(result: Mapping[str, Any], say: Say) -> list[dict[str, Any]]:
    """Rows of the table by month."""
    return [{"title": say.month(_first(item["month"])), **item} for item in result["months"]]


def chart(result: Mapping[str, Any], t: Translator, say: Say) -> dict[str, Any]:
    """What the chart's script draws; words and figures come ready."""
    # Of a long history the last years: more bars than that cannot be told apart.
    shown = result["months"][-36:]
    days = [_first(item["month"]) for item in shown]
    several = len({day.year for day in days}) > 1
    labels = [
        f"{say.short_month(day)} {day.year % 100:02d}" if several else say.short_month(day)
        for day in days
    ]
    sides = (("baseline", N_("As now")), ("candidate", N_("With the change")))
    return {
        "labels": labels,
        "titles": [say.month(day) for day in days],
        "series": [
            {
                "name": str(t(name)),
                "values": [item[side]["issued"] for item in shown],
                "texts": [str(t.points(item[side]["issued"])) for item in shown],
            }
            for side, name in sides
        ],
    }


def _first(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def movers(result: Mapping[str, Any], language: str) -> list[tuple[str, str, int]]:
    """(tier as now, tier with the change, how many) of those who stand elsewhere."""
    before, after = result["tiers"]["from"], result["tiers"]["to"]
    return [
        (before[a][language], after[b][language], number)
        for a, b, number in result["tiers"]["moves"]
        if before[a]["key"] != after[b]["key"]
    ]


def assumptions(run: Run, t: Translator) -> list[str]:
    """How it was counted and what was taken for granted, plainly."""
    result = run.result or {}
    found: list[str] = [
        t(
            "Both columns are the same sales, replayed: once by the rules in force now, once with "
            "the change. So whatever differs comes from the change alone."
        ),
        t(
            "Guests buy the same goods on the same days. A change that brings more of them in, or "
            "keeps them away, is not foreseen."
        ),
        t(
            "Guests spend the points they spent then, on the same receipts, as far as the limit "
            "and their balance let. Who spent all that was allowed does so again."
        ),
        t("Coupons, gift cards and the till's own discounts stay as they were."),
        t("Goods that came back count as if they had come back at once."),
        t("Who gains and who loses goes by points at 1.00 and discounts together, rewards aside."),
        t("Tiers go by purchases from the first replayed sale on; tiers given by hand hold."),
    ]
    if run.from_day is not None:
        found.append(
            t(
                "The 12 months before the first day are replayed by the rules in force in both "
                "columns, so balances, stamps and tiers begin the same."
            )
        )
    if run.about.get("undated"):
        found.append(t("The promotion's own dates are set aside, as if it had run all the time."))
    found += _rewards(result, t)
    return [str(sentence) for sentence in found]


def _rewards(result: Mapping[str, Any], t: Translator) -> list[str]:
    sides = (result.get("baseline", {}), result.get("candidate", {}))
    if not any(side.get("rewards") for side in sides):
        return []
    found = [str(t("A reward costs as much as the cheapest item sold that fits it."))]
    uncounted = max(side.get("rewards_uncounted", 0) for side in sides)
    if uncounted:
        found.append(
            str(
                t.plural(
                    "{n} reward is not counted: nothing sold fits it, or its worth depends on the "
                    "receipt.",
                    "{n} rewards are not counted: nothing sold fits them, or their worth depends "
                    "on the receipt.",
                    uncounted,
                )
            )
        )
    return found
