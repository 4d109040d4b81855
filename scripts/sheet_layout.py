"""The contact sheet's layout: tiles in columns, each below its caption, and small files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from scripts.sheet_camera import Tile

MOST_BYTES = 480 * 1024
GAP, CAPTION = 14, 22
PAPER, INK, EDGE = "#ffffff", "#14181f", "#c3ced9"
COLOURS = (64, 48, 32, 24)
FONT_SIZE = 14


def sheet(tiles: Sequence[Tile], columns: int) -> Image.Image:
    """All tiles in columns of one width; each goes below the shortest column, so that the order
    is read from left to right."""
    width = max(tile.picture.width for tile in tiles)
    font = ImageFont.load_default(FONT_SIZE)
    heights = [GAP] * columns
    places: list[tuple[int, int]] = []
    for tile in tiles:
        column = heights.index(min(heights))
        places.append((GAP + column * (width + GAP), heights[column]))
        heights[column] += CAPTION + tile.picture.height + GAP
    picture = Image.new("RGB", (GAP + columns * (width + GAP), max(heights)), PAPER)
    draw = ImageDraw.Draw(picture)
    for tile, (left, top) in zip(tiles, places, strict=True):
        draw.text((left, top), _fitting(tile.title, font, width), INK, font)
        box = (left - 1, top + CAPTION - 1, left + tile.picture.width, top + CAPTION
               + tile.picture.height)  # fmt: skip
        draw.rectangle(box, outline=EDGE)
        picture.paste(tile.picture, (left, top + CAPTION))
    return picture


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while font.getlength(text) > width:
        text = text[:-2].rstrip() + "…"
    return text


def write(picture: Image.Image, target: Path) -> int:
    """Write a sheet in as many colours as fit into the limit; its bytes.

    Raises:
        ValueError: it is too large even in few colours.
    """
    for colours in COLOURS:
        small = picture.quantize(colours, kmeans=1, dither=Image.Dither.NONE)
        small.save(target, optimize=True)
        size = target.stat().st_size
        if size <= MOST_BYTES:
            return size
    raise ValueError(f"{target.name} has {size} bytes, more than {MOST_BYTES}: use more sheets")
