"""The chains that come with the program: words an owner can change, in both languages.

One file per family. ``PRESETS`` holds them by key, in the order the panel lists them; a preset also
says whether a new shop starts with it on.
"""

from __future__ import annotations

from collections.abc import Mapping

from loyalty.chains.model import Definition
from loyalty.chains.shipped import (
    days,
    friends,
    levels,
    purchases,
    seasonal,
    silence,
    site,
    welcome,
)
from loyalty.chains.shipped.parts import Preset

PRESETS: Mapping[str, Preset] = {
    item.key: item
    for family in (welcome, purchases, days, levels, friends, site, silence, seasonal)
    for item in family.FAMILY
}
"""Every shipped chain by key."""

SHIPPED: Mapping[str, Definition] = {key: item.definition for key, item in PRESETS.items()}
"""What each of them says."""

__all__ = ["PRESETS", "SHIPPED", "Preset"]
