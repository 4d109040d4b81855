"""What is tried before anything starts: a wrong address or token is one sentence, not a crash."""

from __future__ import annotations

import errno
import re
import socket
from typing import Any

from commands.common import fail, say
from loyalty.settings import Settings

PATIENCE_S = 10
REDIS_PATIENCE_S = 5


async def check_telegram(settings: Settings, token: str) -> None:
    """Ask Telegram who the bot is; out with a sentence when it does not answer or know it.

    Done before the database is stamped: a mistyped token must not turn an empty database into
    that of a real business.
    """
    from aiohttp import ClientError, ClientSession, ClientTimeout

    _ = say()
    base = (settings.telegram_api_url or "https://api.telegram.org").rstrip("/")
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=PATIENCE_S)) as http,
            http.get(f"{base}/bot{token}/getMe") as answer,
        ):
            status, said = answer.status, await answer.json()
    except (ClientError, TimeoutError, OSError, ValueError):
        # The address holds the token, so the problem itself is not repeated.
        fail(_("Telegram does not answer; check the network and TELEGRAM_API_URL."))
    if status in (401, 404):
        fail(_("Telegram does not know this BOT_TOKEN; check it with @BotFather."))
    if not (isinstance(said, dict) and said.get("ok")):
        fail(_("Telegram does not answer; check the network and TELEGRAM_API_URL."))


async def check_redis(settings: Settings) -> None:
    """Whether Redis answers, if there is to be one; out with a sentence when it does not."""
    if settings.redis_url and not await redis_answers(settings.redis_url):
        _ = say()
        fail(_("Redis does not answer; check that it runs, and REDIS_URL."))


async def redis_answers(url: str) -> bool:
    """Whether the Redis at ``url`` answers a ping."""
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client: Any = Redis.from_url(
        url, socket_connect_timeout=REDIS_PATIENCE_S, socket_timeout=REDIS_PATIENCE_S
    )
    try:
        await client.ping()
    except (RedisError, OSError, TimeoutError):
        return False
    finally:
        await client.aclose()
    return True


def port_refused(variable: str, host: str, port: int, problem: OSError) -> str:
    """What to say of an address that cannot be listened on; ``variable`` sets its port."""
    _ = say()
    where = f"{host}:{port}"
    if isinstance(problem, socket.gaierror) or problem.errno == errno.EADDRNOTAVAIL:
        return str(_("This machine has no address {host}: set HOST to one it has.", host=host))
    facts = {"where": where, "name": variable}
    if problem.errno == errno.EADDRINUSE:
        return str(_("{where} is taken by another program: stop it or set {name}.", **facts))
    if problem.errno == errno.EACCES:
        return str(_("This user may not listen on {where}: set {name} above 1023.", **facts))
    return str(_("Cannot listen on {where}; set HOST and {name}.", **facts))


def database_reason(raw: str) -> str:
    """The driver's words for why a database cannot be opened, in ours where they are known."""
    _ = say()
    if re.search(r"Connect call failed|refused|timed? ?out|TimeoutError|unreachable", raw, re.I):
        return str(_("no server answers at that address"))
    if re.search(r"Name or service not known|name resolution|nodename nor servname", raw):
        return str(_("there is no host by that name"))
    if "password" in raw:
        return str(_("the server refuses the name or the password"))
    if found := re.search(r'database "(.+)" does not exist', raw):
        return str(_("there is no database {name}", name=found[1]))
    if found := re.search(r'role "(.+)" does not exist', raw):
        return str(_("the server knows no user {name}", name=found[1]))
    if "not a database" in raw or "malformed" in raw:
        return str(_("the file is not a database, or it is damaged"))
    if "unable to open database file" in raw:
        return str(_("the file cannot be opened"))
    if "readonly database" in raw:
        return str(_("the file may only be read"))
    if "locked" in raw:
        return str(_("another program holds it"))
    return raw.rstrip(".")
