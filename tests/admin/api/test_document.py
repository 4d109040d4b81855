"""The published document, the command that prints it, and the guide that shows it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from admin.api import document
from admin.api import requests as bodies
from admin.api.operations import BASE, OPERATIONS
from tests.admin.api.shop import Shop

GUIDE = Path(__file__).parents[3] / "docs" / "integrator.md"


async def test_it_is_served_to_everybody(shop: Shop):
    async with shop.till.http.get(f"{shop.server.address}{BASE}/openapi.json") as answer:
        assert answer.status == 200
        assert await answer.json() == document()


def test_it_names_every_call_with_its_refusals():
    described = document()
    assert described["openapi"] == "3.1.0"
    assert described["components"]["securitySchemes"]["outletKey"]["scheme"] == "bearer"
    for operation in OPERATIONS:
        said = described["paths"][operation.path][operation.method.lower()]
        statuses = set(said["responses"])
        assert {str(operation.status), "400", "401", "405", "429", "500", "503"} <= statuses
        for status, response in said["responses"].items():
            kind = "application/json" if status < "300" else "application/problem+json"
            assert list(response["content"]) == [kind], (operation.name, status)
        names = [p["name"] for p in said["parameters"] if p.get("required")]
        assert ("Idempotency-Key" in names) is (operation.once is True)
    text = json.dumps(described)
    references = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert references <= set(described["components"]["schemas"])


def test_its_examples_are_what_the_models_take():
    for operation in OPERATIONS:
        if operation.body is not None:
            assert operation.body.model_validate(operation.example)


def test_a_default_is_written_as_a_till_would_write_it():
    line = document()["components"]["schemas"]["LineIn"]["properties"]
    assert line["quantity"]["default"] == 1
    assert bodies.LineIn.model_validate({"name": "Tea", "price": "2.50"}).line().amount == 250


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    import regulars

    printed = []
    for arguments in (["api-schema"], ["api-schema", "--json"]):
        assert not regulars.app(arguments, standalone_mode=False)
        printed.append(capsys.readouterr().out)
    assert json.loads(printed[0]) == json.loads(printed[1]) == document()
    assert printed[1].count("\n") == 1
    file = tmp_path / "api.json"
    assert not regulars.app(["api-schema", "--output", str(file)], standalone_mode=False)
    assert json.loads(file.read_text()) == document()
    assert "regulars" in sys.modules


def test_the_guide_shows_bodies_that_are_right_and_every_code():
    text = GUIDE.read_text(encoding="utf-8")
    shown = re.findall(
        r'"\$BASE/([a-z/0-9SPRING?=]+)"[^\'\n]*(?:\\\n)?[^\'\n]*-d \'(.+?)\'', text, re.S
    )
    models = {
        "customers/lookup": bodies.LookupIn,
        "purchases/quote": bodies.QuoteIn,
        "purchases": bodies.PurchaseIn,
        "returns": bodies.ReturnIn,
        "holds": bodies.HoldIn,
        "confirm": bodies.ConfirmIn,
        "events": bodies.EventIn,
        "check": bodies.CheckIn,
    }
    seen = set()
    for path, body in shown:
        path = path.partition("?")[0]
        name = path if path in models else path.rpartition("/")[2]
        assert models[name].model_validate(json.loads(body))
        seen.add(name)
    assert seen == set(models)
    codes = {code for operation in OPERATIONS for code in operation.refusals}
    missing = {code for code in codes if f"`{code}`" not in text and "voucher" not in code}
    assert missing <= {"too_many_tries"}
