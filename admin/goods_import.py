"""Goods from a file: CSV or XLSX, what came in and what did not, line by line."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp.web_request import FileField

from admin.base import allowed, db, me
from admin.goods import EDITING, HOME, show_list
from admin.render import language
from loyalty import clock
from loyalty.importing import FileProblem, products
from loyalty.importing.products import ProductFile

SHOWN = 200
"""Rejected rows that are told of at once."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a file brought, for the page."""

    name: str
    rows: int
    changed: int
    same: int
    rejected: list[tuple[int, str]]
    more: int


def routes() -> list[web.AbstractRouteDef]:
    """Addresses of the pages."""
    return [web.post(f"{HOME}/import", bring)]


@allowed(*EDITING)
async def bring(request: web.Request) -> web.StreamResponse:
    """Read a file of goods and write them down, some hundred in a transaction; sent again, it
    changes nothing."""
    form, t = await request.post(), language(request)
    upload = form.get("file")
    if not isinstance(upload, FileField):
        return await show_list(request, problem=str(t("Choose a file.")), status=400)
    content, name = upload.file.read(), Path(upload.filename).name[:80]
    try:
        read = await asyncio.to_thread(_read, content)
    except FileProblem as problem:
        if problem.code == "not_recognized":
            words = str(
                t(
                    "The first row names the columns: number and name, and if you like category,"
                    " price and link."
                )
            )
        else:
            problem.facts["path"] = name
            words = problem.text(t.language)
        return await show_list(request, problem=words, status=400)
    actor, now = me(request).actor, clock.now()
    changed = same = 0
    for batch in products.batches(read):
        write = partial(products.write_products, batch=batch, actor=actor, now=now)
        more, known = await db(request).transact(write)
        changed, same = changed + more, same + known
    rejected = [(row.line, row.text(t.language)) for row in read.rejected[:SHOWN]]
    told = Told(name, read.rows, changed, same, rejected, len(read.rejected) - len(rejected))
    return await show_list(request, brought=told)


def _read(content: bytes) -> ProductFile:
    """The file's goods; readers want a file on the disk."""
    with tempfile.TemporaryDirectory(prefix="goods") as folder:
        path = Path(folder) / "goods"
        path.write_bytes(content)
        return products.read_products(path)
