"""The guides: every link leads somewhere, and each Russian guide and its English twin know it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RUSSIAN = sorted([*ROOT.glob("*.ru.md"), *ROOT.glob("docs/*.ru.md")])
_CODE = re.compile(r"```.*?```", re.S)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _text(paper: Path) -> str:
    return _CODE.sub("", paper.read_text(encoding="utf-8"))


def _anchors(paper: Path) -> set[str]:
    """What a heading is called in an address: as GitHub makes it, without repeated headings."""
    titles = re.findall(r"^#+ (.*)$", _text(paper), re.M)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain}


def _leads_nowhere(paper: Path, address: str) -> bool:
    path, _, anchor = unquote(address).partition("#")
    there = (paper.parent / path).resolve() if path else paper
    return not there.exists() or bool(
        anchor and there.suffix == ".md" and anchor not in _anchors(there)
    )


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_every_link_leads_somewhere(paper: Path) -> None:
    ours = [link for link in _LINK.findall(_text(paper)) if not re.match(r"[a-z]+:", link)]
    assert [link for link in ours if _leads_nowhere(paper, link)] == []


@pytest.mark.parametrize("paper", RUSSIAN, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_twins_know_each_other(paper: Path) -> None:
    twin = paper.with_name(paper.name.replace(".ru.md", ".md"))
    assert twin.exists(), "a Russian guide has its English twin beside it"
    for one, other in ((paper, twin), (twin, paper)):
        beginning = "\n".join(one.read_text(encoding="utf-8").splitlines()[:5])
        assert f"]({other.name})" in beginning, f"{one.name} names {other.name} at the top"


@pytest.mark.parametrize("paper", RUSSIAN, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_twins_are_level(paper: Path) -> None:
    twin = paper.with_name(paper.name.replace(".ru.md", ".md"))

    def shape(one: Path) -> list[str]:
        return re.findall(r"^(#+|!)[ \[]", _text(one), re.M)

    assert shape(paper) == shape(twin), "the same headings and pictures, in the same order"
