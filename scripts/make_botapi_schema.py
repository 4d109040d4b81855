"""Shrink a JSON Schema of the Bot API to what the emulator checks with.

Usage: python scripts/make_botapi_schema.py SOURCE.json emulator/schema/botapi.json

Kept: types, required fields, constants and references. Dropped: prose, titles, the `null`
variants (the emulator strips nulls first) and Python-only markers. Times are whole seconds
on the wire, so `date-time` and `duration` become integers.
"""

import json
import sys
from pathlib import Path
from typing import Any

DROPPED = {"title", "description", "deprecated", "additionalProperties", "discriminator", "default"}


def shrink(node: Any) -> Any:
    """Return the compact form of one schema node, or None when nothing of it remains."""
    if isinstance(node.get("format"), str):
        return {"type": "integer"}
    if "x-instance" in node:
        return {"type": "string"} if node["x-instance"] == "InputFile" else None
    if node.get("type") == "null":
        return None
    for word in ("anyOf", "oneOf"):
        if word in node:
            return alternatives(node[word])
    kept = {key: value for key, value in node.items() if key not in DROPPED}
    if "properties" in kept:
        kept = shrink_object(kept)
    if "items" in kept:
        kept["items"] = shrink(kept["items"]) or {}
    return kept


def alternatives(options: list[Any]) -> Any:
    """Merge alternatives: none left is None, one left stands alone, plain types are joined."""
    left: list[Any] = []
    for option in options:
        small = shrink(option)
        if small is not None and small not in left:
            left.append(small)
    if len(left) <= 1:
        return left[0] if left else None
    if all(set(option) == {"type"} for option in left):
        return {"type": sorted(option["type"] for option in left)}
    return {"anyOf": left}


def shrink_object(node: dict[str, Any]) -> dict[str, Any]:
    """Shrink the properties; a constant property is what tells variants apart: required."""
    properties = {}
    required = list(node.get("required", []))
    for name, value in node["properties"].items():
        small = shrink(value)
        properties[name] = {} if small is None else small
        if "const" in value and name not in required:
            required.append(name)
    node["properties"] = properties
    if required:
        node["required"] = required
    return node


def main(source: str, destination: str) -> None:
    """Read `source`, write the compact schema to `destination`."""
    full = json.loads(Path(source).read_text(encoding="utf-8"))
    compact = {
        "version": full["version"],
        "methods": {
            name: {
                "request": method["request"]["$ref"].rsplit("/", 1)[1],
                "returns": shrink(method["returns"]),
            }
            for name, method in full["methods"].items()
        },
        "$defs": {name: shrink(value) or {} for name, value in full["$defs"].items()},
    }
    text = json.dumps(compact, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    Path(destination).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
