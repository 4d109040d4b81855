"""Pictures are uploaded once and sent by their name from then on, whatever goes wrong."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from loyalty import clock, messaging
from loyalty.db import Rows
from loyalty.errors import PictureInvalid
from loyalty.ids import new_id
from loyalty.messaging import media
from loyalty.messaging.tables import media as kept
from loyalty.messaging.tables import media_file
from scheduler.dispatcher import Dispatcher
from scheduler.limits import LocalLimits
from scheduler.telegram import Telegram
from tests.emulator.client import BOT_ID, TOKEN
from tests.scheduler.stage import PLACE, Stage

CHATS = range(900, 912)


def png(side: int = 4) -> bytes:
    """A small black square."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(name + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + name + data + crc

    size = side.to_bytes(4, "big") * 2
    rows = zlib.compress(b"".join(b"\x00" + b"\x00" * side for _ in range(side)))
    head = chunk(b"IHDR", size + b"\x08\x00\x00\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def _put(stage: Stage, content: bytes, name: str = "square.png") -> int:
    return await stage.world.db.transact(
        lambda s: media.put(s, content=content, name=name, actor="staff:1", now=clock.now())
    )


async def _queue(stage: Stage, chats: range, picture: int, text: str = "Смотрите") -> None:
    def unit(session: Session) -> None:
        rows = Rows()
        for chat in chats:
            messaging.enqueue(
                rows,
                customer_id=None,
                chat_id=chat,
                message_class="service",
                key=f"test:{new_id()}",
                payload={"text": text, "picture": picture},
                now=clock.now(),
            )
        rows.put(session)

    await stage.world.db.transact(unit)


async def _send(stage: Stage, processes: int = 1) -> None:
    made = []
    for _ in range(processes):
        telegram = Telegram(token=TOKEN, api_url=stage.client.emulator.url)
        limits = LocalLimits(per_second=1000, chat_s=0)
        hands = Dispatcher(
            stage.world.db, telegram=telegram, limits=limits, place=PLACE, bot_id=BOT_ID
        )
        hands.start()
        made.append((hands, telegram))
    assert all(await asyncio.gather(*(hands.until_idle(timeout_s=20) for hands, _ in made)))
    for hands, telegram in made:
        await hands.stop()
        await telegram.close()


async def _names(stage: Stage) -> list[Any]:
    query = sa.select(media_file)
    return list(await stage.world.db.read(lambda s: s.execute(query).all()))


def _uploads(calls: list[dict[str, Any]]) -> int:
    return sum("uploads" in call for call in calls)


@pytest.fixture
async def quiet(stage: Stage) -> Stage:
    """A stage where nobody sends yet."""
    await stage.running.dispatcher.stop()
    for chat in CHATS:
        await stage.client.meet(chat)
    return stage


async def test_uploaded_once_and_then_by_its_name(quiet: Stage) -> None:
    picture = await _put(quiet, png())
    await _queue(quiet, CHATS, picture)
    await _send(quiet)
    calls = await quiet.calls("sendPhoto")
    assert len(calls) == len(CHATS)
    assert _uploads(calls) == 1
    (named,) = await _names(quiet)
    assert (named.media_id, named.bot_id) == (picture, BOT_ID)
    await _queue(quiet, CHATS, picture)
    await _send(quiet)
    calls = await quiet.calls("sendPhoto")
    assert len(calls) == 2 * len(CHATS)
    assert _uploads(calls) == 1
    (first, _) = await quiet.client.screen(CHATS[0])
    assert first["caption"] == "Смотрите"
    assert first["photo"]


async def test_two_processes_at_once_are_harmless(quiet: Stage) -> None:
    picture = await _put(quiet, png())
    await _queue(quiet, CHATS, picture)
    await _send(quiet, processes=2)
    assert set(await quiet.states()) == {"sent"}
    assert len(await _names(quiet)) == 1
    assert _uploads(await quiet.calls("sendPhoto")) <= 2


async def test_a_name_telegram_has_forgotten_is_replaced(quiet: Stage) -> None:
    picture = await _put(quiet, png())
    await quiet.world.db.transact(
        lambda s: media.remember(
            s, media_id=picture, bot_id=BOT_ID, file_id="gone", now=clock.now()
        )
    )
    await _queue(quiet, CHATS[:1], picture)
    await _send(quiet)
    assert await quiet.states() == ["sent"]
    (named,) = await _names(quiet)
    assert named.file_id != "gone"
    calls = await quiet.calls("sendPhoto")
    assert [call["answer"]["ok"] for call in calls] == [False, True]


async def test_a_gif_is_an_animation_and_many_words_go_without(quiet: Stage) -> None:
    gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
    await _queue(quiet, CHATS[:1], await _put(quiet, gif, "cat.gif"))
    await _queue(quiet, CHATS[1:2], await _put(quiet, png()), "слово " * 300)
    await _queue(quiet, CHATS[2:3], picture=12345)
    await _send(quiet)
    assert set(await quiet.states()) == {"sent"}
    assert len(await quiet.calls("sendAnimation")) == 1
    assert len(await quiet.calls("sendMessage")) == 2


async def test_the_same_picture_is_kept_once(stage: Stage) -> None:
    first = await _put(stage, png(), "one.png")
    assert await _put(stage, png(), "two.png") == first
    assert await _put(stage, png(8)) != first
    query = sa.select(kept.c.kind, kept.c.name).where(kept.c.id == first)
    row = await stage.world.db.read(lambda s: s.execute(query).one())
    assert (row.kind, row.name) == ("image/png", "one.png")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"<svg/>", "unknown_kind"),
        (b"%PDF-1.7", "unknown_kind"),
        (png() + b"\x00" * media.MAX_BYTES, "too_large"),
    ],
)
async def test_what_is_no_picture_is_refused(stage: Stage, content: bytes, problem: str) -> None:
    with pytest.raises(PictureInvalid) as refused:
        await _put(stage, content)
    assert refused.value.facts["problem"] == problem


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"GIF87a", "image/gif"),
    ],
)
def test_kinds_are_told_by_their_first_bytes(content: bytes, kind: str | None) -> None:
    assert media.kind_of(content) == kind
