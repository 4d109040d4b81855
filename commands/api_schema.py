"""``regulars api-schema``: the POS API's OpenAPI document."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from commands.common import JsonOption, fail, say


def api_schema(
    output: Annotated[str | None, typer.Option("--output", help="Write it to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the POS API's OpenAPI 3.1 document (always JSON).

    Example: regulars api-schema > regulars.json
    """
    from admin.api import document

    # Indented for people to read; --json gives it in one line.
    text = json.dumps(document(), ensure_ascii=False, indent=None if as_json else 2) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        _ = say()
        reason = (problem.strerror or "").lower()
        fail(_("Cannot write {file}: {reason}.", file=output, reason=reason))
