"""`regulars staff` and `regulars key`: adding, listing, taking away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner


@pytest.fixture
def regulars(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Any:
    """Run a command; exit code and what it printed."""
    from regulars import app

    for name in ("BOT_TOKEN", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("SECRET_KEY", "a key that is long enough")

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(words))
        return result.exit_code, result.stdout

    return run


def test_a_cashier_of_two_outlets_is_listed_and_dismissed(regulars: Any) -> None:
    for name in ("Main Street", "Arbat"):
        assert regulars("outlet", "add", name)[0] == 0
    two = ("--outlet", "Main Street", "--outlet", "Arbat")
    code, out = regulars("staff", "add", "Anna", "--role", "cashier", *two)
    assert code == 0
    assert "start=j_" in out
    assert regulars("staff", "add", "Vera", "--role", "cashier", "--outlet", "Arbat")[0] == 0
    found = json.loads(regulars("staff", "list", "--json")[1])["staff"]
    anna, vera = found
    assert (anna["name"], anna["outlet"]) == ("Anna", "Main Street")
    assert sorted(anna["outlets"]) == ["Arbat", "Main Street"]
    assert vera["outlets"] == ["Arbat"]
    listed = regulars("staff", "list")[1]
    assert anna["id"] in listed
    assert "Arbat" in listed
    assert regulars("staff", "revoke", anna["id"])[1] == "Anna has no access any more.\n"
    left = json.loads(regulars("staff", "list", "--json")[1])["staff"]
    assert [one["name"] for one in left] == ["Vera"]
    everybody = json.loads(regulars("staff", "list", "--all", "--json")[1])["staff"]
    assert {one["name"] for one in everybody} == {"Anna", "Vera"}
    for wrong in ("x", "1", str(2**70)):
        assert regulars("staff", "revoke", wrong)[0] != 0


def test_the_only_owner_stays(regulars: Any) -> None:
    regulars("staff", "add", "Olga", "--role", "owner")
    (olga,) = json.loads(regulars("staff", "list", "--json")[1])["staff"]
    assert regulars("staff", "revoke", olga["id"])[0] == 2
    assert json.loads(regulars("staff", "list", "--json")[1])["staff"] == [olga]


def test_a_key_is_listed_without_the_key_and_closed(regulars: Any) -> None:
    regulars("outlet", "add", "Arbat")
    key = regulars("key", "add", "--outlet", "Arbat")[1].strip()
    out = regulars("key", "list", "--json")[1]
    assert key not in out
    (one,) = json.loads(out)["keys"]
    assert (one["outlet"], one["hint"], one["revoked_at"]) == ("Arbat", key[-4:], None)
    assert "never used" in regulars("key", "list")[1]
    assert regulars("key", "revoke", one["id"]) == (0, "The key is closed.\n")
    assert regulars("key", "revoke", one["id"])[0] == 2
    assert "revoked" in regulars("key", "list")[1]
