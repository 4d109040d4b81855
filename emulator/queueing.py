"""The queue of updates of each bot: in at the end, out by polling or webhook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from emulator import checks
from emulator.world import Bot, World

Json = dict[str, Any]
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
KEPT_SECONDS = 24 * 3600
QUERY_SECONDS = 150


def push(world: World, bot: Bot, kind: str, payload: Json) -> int:
    """Queue an update of `kind` for the bot if it asked for that kind; returns its id."""
    update_id = world.next_update_id()
    update: Json = {"update_id": update_id, kind: payload}
    if world.strict:
        checks.check_update(update)
    wanted = bot.allowed_updates
    if (kind in wanted) if wanted else (kind not in NOT_BY_DEFAULT):
        inject(world, bot, update)
    return update_id


def inject(world: World, bot: Bot, update: Json) -> None:
    """Queue a ready update, doubled, delayed or out of turn as the delivery options say."""
    if not world.mischief.active:
        _append(world, bot, update)
        return
    world.mischief.take(
        (bot.id, lane_of(update)), update, lambda ready: _append(world, bot, ready, late=True)
    )


def inject_raw(world: World, bot: Bot, update: Json) -> None:
    """Queue an update made by hand: it arrives once, even with an id confirmed long ago."""
    _append(world, bot, update, late=True)


def _append(world: World, bot: Bot, update: Json, *, late: bool = False) -> None:
    copies = 2 if world.delivery["duplicate"] is True else 1
    for _ in range(copies):
        bot.pending.append(update)
    if late:
        bot.late.append(update)
    world.dirty("update", f"{bot.id}:{update.get('update_id')}")
    wake(bot)
    world.on_update(bot)


def lane_of(update: Json) -> str:
    """Messages go in order by chat, everything else by person."""
    for kind, payload in update.items():
        if isinstance(payload, dict):
            who = payload.get("chat") if kind == "message" else payload.get("from")
            if isinstance(who, dict):
                return f"{'chat' if kind == 'message' else kind}:{who.get('id')}"
    return "other"


def wake(bot: Bot) -> None:
    """Let a waiting `getUpdates` answer at once."""
    if bot.poller is not None and not bot.poller.done():
        bot.poller.set_result("")


def settle(world: World, bot: Bot, offset: int) -> None:
    """Forget updates below `offset`; a negative one keeps only that many newest."""
    pending = bot.pending
    if offset > 0:
        careful = bool(bot.late) or world.mischief.active
        confirmed: list[Json] = []
        while pending and _number(pending[0]) < offset:
            confirmed.append(pending.popleft())
        if not careful:
            for update in confirmed:
                forget(world, bot, update)
        else:
            _settle_late(world, bot, offset, confirmed)
    elif offset < 0:
        while len(pending) > -offset:
            forget(world, bot, pending.popleft())
    for update in [update for update in pending if expired(world, bot, update)]:
        pending.remove(update)
        forget(world, bot, update)


def _settle_late(world: World, bot: Bot, offset: int, confirmed: list[Json]) -> None:
    """The same when updates may stand out of order: one that was never handed out stays."""
    unseen = [update for update in confirmed if _among(bot.late, update)]
    rest = list(bot.pending)
    confirmed = [update for update in confirmed if not _among(bot.late, update)]
    confirmed += [u for u in rest if _number(u) < offset and not _among(bot.late, u)]
    rest = [u for u in rest if not _among(confirmed, u)]
    bot.pending.clear()
    bot.pending.extend(unseen + rest)
    for update in confirmed:
        forget(world, bot, update)
        come_again(world, bot, update)


def come_again(world: World, bot: Bot, update: Json) -> None:
    """Queue a settled update once more if that is its lot."""
    if world.mischief.once_more(bot.id, update):
        _append(world, bot, update, late=True)


def _among(updates: Iterable[Json], wanted: Json) -> bool:
    return any(update is wanted for update in updates)


def expired(world: World, bot: Bot, update: Json) -> bool:
    """Whether Telegram would have given up: messages after a day, taps after 150 seconds."""
    now = world.clock.now()
    query = update.get("callback_query")
    if isinstance(query, dict):
        tap = bot.taps.get(str(query.get("id")))
        return tap is not None and now - tap.made_at > QUERY_SECONDS
    return now - _moment(update) > KEPT_SECONDS


def _number(update: Json) -> int:
    number = update.get("update_id", 0)
    return number if isinstance(number, int) else 0


def _moment(update: Json) -> float:
    """When a message update was made; other kinds never grow too old here."""
    message = update.get("message")
    date = message.get("date") if isinstance(message, dict) else None
    return float(date) if isinstance(date, int) else float("inf")


def take_batch(world: World, bot: Bot, limit: int) -> list[Json]:
    """The oldest updates, left in the queue until confirmed; reversed when shuffling is on."""
    batch = [update for update, _ in zip(bot.pending, range(limit), strict=False)]
    if bot.late:
        bot.late = [update for update in bot.late if not _among(batch, update)]
    return batch[::-1] if world.delivery["shuffle"] else batch


def forget(world: World, bot: Bot, update: Json) -> None:
    """An update left the queue."""
    world.dirty("update", f"{bot.id}:{update.get('update_id')}")


def drop_pending(world: World, bot: Bot) -> None:
    """Forget every queued update."""
    world.mischief.drop(bot.id)
    bot.late.clear()
    while bot.pending:
        forget(world, bot, bot.pending.popleft())
