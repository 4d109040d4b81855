"""Each rule of the house catches what breaks it and lets the rest be."""

from __future__ import annotations

import pytest

from scripts import house_check

LONG = "def long():\n" + "    x = 1\n" * house_check.FUNCTION_LINES


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("bot/a.py", LONG, "71 lines"),
        ("bot/a.py", LONG.replace("    x = 1\n", "", 1), None),
        ("loyalty/a.py", "from datetime import datetime\ndatetime.now()", "wall clock"),
        ("admin/a.py", "import datetime as d\nd.datetime.utcnow()", "wall clock"),
        ("scheduler/a.py", "import time as _time\n_time.time()", "wall clock"),
        ("loyalty/a.py", "from loyalty import clock\nclock.now()", None),
        ("loyalty/clock.py", "from datetime import datetime\ndatetime.now()", None),
        ("emulator/a.py", "from datetime import datetime\ndatetime.now()", None),
        ("loyalty/wallet/a.py", "session.commit()", "commits"),
        ("loyalty/db/a.py", "session.commit()", None),
        ("bot/a.py", "try:\n    f()\nexcept ValueError:\n    pass", "swallowed"),
        ("bot/a.py", "try:\n    f()\nexcept ValueError:\n    ...", "swallowed"),
        ("bot/a.py", "try:\n    f()\nexcept ValueError:\n    g()", None),
    ],
)
def test_python_rules(path: str, text: str, fault: str | None) -> None:
    found = list(house_check.check_python(path, text))
    assert bool(found) == (fault is not None)
    assert all(fault in line for line in found if fault)


def test_text_rules() -> None:
    line = "url = https://" + house_check.HOSTS[0]
    assert len(list(house_check.check_text("docs/a.md", line))) == 1
    assert list(house_check.check_text("docs/a.md", "url = https://example.com")) == []
    too_long = "x\n" * (house_check.FILE_LINES + 1)
    assert len(list(house_check.check_text("bot/a.py", too_long))) == 1
    assert list(house_check.check_text("admin/static/vendor/a.js", too_long)) == []
    assert list(house_check.check_text("migrations/versions/1.py", too_long)) == []


def test_the_whole_project_is_looked_at() -> None:
    seen = {path.as_posix() for path in house_check.files()}
    assert {"Makefile", ".ci/run", "loyalty/clock.py", "tests/test_house_check.py"} <= seen
    assert not any(path.startswith(".venv") for path in seen)
