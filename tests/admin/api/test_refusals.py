"""What the till's door refuses: every code, in both languages, without a word too many."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta

import pytest

from admin.api import LIMITS, words
from admin.api.operations import OPERATIONS
from admin.api.problems import HTTP_STATUS
from loyalty import clock, staff
from loyalty.errors import all_codes
from loyalty.texts import LANGUAGES, translator
from tests.admin.api.shop import Said, Shop, receipt

CONTENT = "application/problem+json"


def is_problem(said: Said, status: int, code: str) -> bool:
    """Whether this is the problem document of that refusal."""
    assert (said.status, said.code) == (status, code), said.text
    assert said.headers["Content-Type"].startswith(CONTENT)
    assert said.body["type"] == f"urn:regulars:problem:{code}"
    assert said.body["status"] == status
    return bool(said.body["title"])


async def test_without_a_good_key_nothing_is_answered(shop: Shop):
    body = {"customer": "id:1"}
    for given in ("", "Bearer", "Bearer short", "Basic dXNlcjpwYXNz", f"Bearer {'x' * 43}"):
        said = await shop.till.post("/customers/lookup", body, Authorization=given)
        assert is_problem(said, 401, "key_invalid"), given
        assert said.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await shop.till.post("/customers/lookup", body)).status == 404


async def test_a_key_taken_back_is_refused_at_once(shop: Shop):
    second = await shop.another_till()
    assert (await second.sell(None)).status == 201

    def take_back(session: object) -> None:
        known = staff.find_key(session, key=second.key)  # type: ignore[arg-type]
        assert known is not None
        assert known.last_used_at is not None
        assert staff.revoke_key(session, key_id=known.id, now=clock.now())  # type: ignore[arg-type]

    await shop.world.db.transact(take_back)
    assert is_problem(await second.sell(None), 401, "key_invalid")
    assert (await shop.till.sell(None)).status == 201


async def test_addresses_and_methods(shop: Shop):
    for path in ("/nothing", "/purchases/abc/returns", "/holds/99999999999999999999"):
        said = await shop.till.call("GET" if path.startswith("/holds") else "POST", path)
        assert is_problem(said, 404, "not_found"), path
    for method, path, allowed in (
        ("GET", "/purchases", "POST"),
        ("PUT", "/holds/1", "DELETE,GET"),
        ("OPTIONS", "/purchases", "POST"),
    ):
        said = await shop.till.call(method, path)
        assert is_problem(said, 405, "method_not_allowed")
        assert said.headers["Allow"] == allowed


async def test_bodies_that_are_no_documents(shop: Shop):
    async def sent(data: object, kind: str = "application/json") -> Said:
        return await shop.till.post("/purchases", data=data, Content_Type=kind)

    assert is_problem(await sent(b"{}", "text/plain"), 415, "unsupported_media_type")
    assert is_problem(await sent(io.BytesIO(b" " * 1_100_000)), 413, "body_too_large")
    for data in (
        b"",
        b"{",
        b"\xff\xfe",
        b'{"redeem": NaN}',
        b'{"redeem": 1e999}',
        b'{"redeem": 123456789012345678901234567890}',
        b'{"redeem": 1, "redeem": 2}',
        b'{"customer": "\\u0000"}',
        b'{"customer": "\\ud800"}',
        b"[" * 100_000,
    ):
        assert is_problem(await sent(data), 400, "json_invalid"), data[:40]
    assert is_problem(await sent(b"[]"), 400, "validation_failed")
    slashed = json.dumps({"customer": "a\\u0000", "receipt": receipt()}).encode()
    assert (await sent(slashed)).status == 404, "an escaped backslash is no NUL"
    unpacked = await shop.till.post(
        "/purchases", data=b"{}", Content_Type="application/json", Content_Encoding="gzip"
    )
    assert is_problem(unpacked, 400, "json_invalid"), "said to be compressed, and is not"


async def test_what_is_wrong_is_said_once_and_without_the_library_s_own_words(shop: Shop):
    sent = {"receipt": {"number": "1", "sold_at": "x", "lines": [{"name": "Tea", "price": 1}]}}
    said = await shop.till.post("/purchases", sent)
    assert is_problem(said, 400, "validation_failed")
    assert said.body["errors"] == [
        {
            "field": "receipt.sold_at",
            "problem": "a moment with its offset, like 2026-03-02T12:00:00+03:00",
        },
        {
            "field": "receipt.lines[0].price",
            "problem": "a decimal string with two places, like 450.00",
        },
    ]


NOT_RIGHT = (
    ("unknown", 1),
    ("redeem", -1),
    ("redeem", 1.5),
    ("redeem", "10"),
    ("redeem", True),
    ("redeem", 10**18),
    ("customer", ""),
    ("customer", "x" * 201),
    ("customer", "a\nb"),
    ("vouchers", ["A"] * 11),
    ("vouchers", "A"),
    ("receipt.number", "1" * 65),
    ("receipt.number", None),
    ("receipt.sold_at", "2026-03-02T12:00:00"),
    ("receipt.sold_at", "2026-03-02"),
    ("receipt.sold_at", 1_700_000_000),
    ("receipt.lines", []),
    ("receipt.lines", {}),
    ("receipt.register", "r" * 33),
    ("receipt.extra", {}),
    ("line.price", "10"),
    ("line.price", "10.5"),
    ("line.price", 10),
    ("line.price", "-1.00"),
    ("line.price", "100000000.00"),
    ("line.price", "1 000.00"),
    ("line.quantity", 0),
    ("line.quantity", -1),
    ("line.quantity", 100_000),
    ("line.quantity", "0.0001"),
    ("line.quantity", "0.000"),
    ("line.quantity", 0.5),
    ("line.quantity", True),
    ("line.name", None),
    ("line.no_earn", "yes"),
    ("line.colour", "red"),
)


async def test_fields_that_are_not_right(shop: Shop):
    for place, value in NOT_RIGHT:
        body = {"receipt": receipt()}
        *steps, name = place.split(".")
        target = {"": body, "receipt": body["receipt"], "line": body["receipt"]["lines"][0]}
        target["".join(steps)][name] = value
        said = await shop.till.post("/purchases", body)
        assert is_problem(said, 400, "validation_failed"), place
        assert any(name in error["field"] for error in said.body["errors"]), place


async def test_moments_and_sums_that_cannot_be(shop: Shop):
    for days, status in ((0, 201), (-3649, 201), (-3651, 409), (2, 409)):
        body = {"receipt": receipt()}
        body["receipt"]["sold_at"] = (clock.now() + timedelta(days=days)).isoformat()
        said = await shop.till.post("/purchases", body)
        assert said.status == status, said.text
        assert status == 201 or is_problem(said, 409, "time_out_of_range")
    for moment in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:60-12:00"):
        body["receipt"]["sold_at"] = moment
        assert is_problem(await shop.till.post("/purchases", body), 409, "time_out_of_range")
    body = {"receipt": receipt("9999999.99", quantity=99_999)}
    said = await shop.till.post("/purchases", body)
    assert is_problem(said, 409, "amount_out_of_range")
    assert said.body["maximum"] == "10000000.00"


async def test_whole_floats_and_zero_prices_are_taken(shop: Shop):
    body = {"receipt": receipt("0.00", quantity=2.0), "redeem": 0.0}
    said = await shop.till.post("/purchases", body)
    assert (said.status, said.body["total"]) == (201, "0.00")


async def test_five_wrong_codes_a_minute(shop: Shop):
    second = await shop.another_till()
    for _ in range(5):
        said = await shop.till.post("/customers/lookup", {"customer": "12345678"})
        assert is_problem(said, 404, "customer_not_found")
    said = await shop.till.post("/purchases/quote", {"customer": "12345678", "receipt": receipt()})
    assert is_problem(said, 429, "too_many_tries")
    assert 0 < int(said.headers["Retry-After"]) <= 61
    assert (await second.post("/customers/lookup", {"customer": "12345678"})).status == 404


async def test_a_key_that_calls_too_often_waits(shop: Shop):
    second = await shop.another_till()
    limits = shop.app[LIMITS]
    limits.rate, limits.burst = 0.5, 3.0
    answers = [await second.call("GET", "/holds/1") for _ in range(4)]
    assert [said.status for said in answers] == [404, 404, 404, 429]
    assert is_problem(answers[-1], 429, "too_many_requests")
    assert answers[-1].headers["Retry-After"] == "2"


async def test_titles_speak_the_callers_language(shop: Shop):
    russian = await shop.till.call("GET", "/holds/1", Accept_Language="de, ru-RU;q=0.8")
    english = await shop.till.call("GET", "/holds/1", Accept_Language="en-GB")
    assert russian.body["title"] == "В этой точке нет такого резерва"
    assert english.body["title"] == "No such hold at this outlet"
    used = {code for operation in OPERATIONS for code in operation.refusals} | {*HTTP_STATUS}
    assert used <= words.known_codes()
    assert used <= {*all_codes(), *HTTP_STATUS}
    for language in LANGUAGES:
        for code in words.known_codes():
            title = words.title_of(translator(language), code, 409)
            assert title
            if language == "ru":
                assert any("а" <= sign <= "я" for sign in title.lower()), code


async def test_a_fault_is_a_problem_and_no_log_tells_who(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    customer_id = await shop.customer(name="Ivan Petrov", phone="+79001234567", points=50)
    link = await shop.link(customer_id)
    with caplog.at_level(logging.DEBUG):
        assert (await shop.till.sell("tel:+79001234567")).status == 201
        assert (await shop.till.sell(link, redeem=5)).status == 201
        await shop.till.post("/customers/lookup", {"customer": "tel:+79007654321"})

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("Ivan Petrov +79001234567")

        monkeypatch.setattr("loyalty.purchases.record", broken)
        said = await shop.till.sell("tel:+79001234567")
    assert is_problem(said, 500, "internal_error")
    assert "Ivan" not in said.text
    out, err = capfd.readouterr()
    logged = caplog.text + out + err
    assert "call failed" in logged
    for secret in ("79001234567", "79007654321", "Ivan", link[-30:], shop.till.key):
        assert secret not in logged, secret


async def test_what_is_wrong_with_a_field_is_told_in_the_callers_language(shop: Shop):
    body = {"receipt": {**receipt(), "sold_at": "yesterday"}, "redeem": "many", "foo": 1}
    said = await shop.till.post("/purchases", body, Accept_Language="ru")
    wrong = {error["field"]: error["problem"] for error in said.body["errors"]}
    assert wrong == {
        "receipt.sold_at": "момент со смещением, например 2026-03-02T12:00:00+03:00",
        "redeem": "Нужно целое число",
        "foo": "Такого поля нет",
    }
    said = await shop.till.post("/purchases", body, Accept_Language="en")
    assert {error["problem"] for error in said.body["errors"]} == {
        "a moment with its offset, like 2026-03-02T12:00:00+03:00",
        "A whole number is needed",
        "There is no such field",
    }
