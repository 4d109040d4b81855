"""The contact sheet shows every screen there is, and its layout keeps order and limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from scripts import contact_sheet
from scripts.sheet_camera import Tile
from scripts.sheet_layout import CAPTION, GAP, sheet, write


def _tiles(count: int, width: int = 60, height: int = 40) -> list[Tile]:
    return [Tile(f"{n}. Tile", Image.new("RGB", (width, height), "#2f7cf6")) for n in range(count)]


def test_reasons_are_given_for_screens_that_exist() -> None:
    assert contact_sheet.NOT_PLAYED.keys() <= contact_sheet.screens()
    assert all(len(reason) > 20 for reason in contact_sheet.NOT_PLAYED.values())


# Which screens were played is asked here; a pipe or socket of the browser that is closed late by
# the collector is not.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.timeout(1200)
@pytest.mark.slow
def test_every_screen_of_the_bot_is_played() -> None:
    played = contact_sheet.rehearse("en")
    assert contact_sheet.not_played(played) == []
    assert {"s_", "r_", "k_", "c_", "j_"} <= played.links


def test_tiles_are_laid_out_from_left_to_right() -> None:
    picture = sheet(_tiles(3), columns=2)
    assert picture.size == (3 * GAP + 2 * 60, GAP + 2 * (CAPTION + 40 + GAP))
    below = picture.getpixel((GAP + 5, GAP + CAPTION + 40 + GAP + CAPTION + 5))
    assert below == (0x2F, 0x7C, 0xF6)


def test_a_sheet_that_is_too_large_is_not_written_over_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = sheet(_tiles(4), columns=2)
    assert write(picture, tmp_path / "small.png") == (tmp_path / "small.png").stat().st_size
    monkeypatch.setattr("scripts.sheet_layout.MOST_BYTES", 10)
    with pytest.raises(ValueError, match="use more sheets"):
        write(picture, tmp_path / "large.png")
