"""`python -m emulator`: the local Telegram alone, until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from emulator.server import start_emulator


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free port")
    parser.add_argument("--strict", action="store_true", help="check answers too, refuse unknowns")
    parser.add_argument("--product-url", help="where the page's clock button leads")
    parser.add_argument("--state-file", help="keep chats over a restart in this file")
    parser.add_argument("--global-per-second", type=float, help="0: no limit")
    parser.add_argument("--per-chat-per-second", type=float, help="0: no limit")
    parser.add_argument("--burst", type=float, help="messages to one chat at once")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    names = ("global_per_second", "per_chat_per_second", "burst")
    limits = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    running = await start_emulator(
        options.host,
        options.port,
        strict=options.strict,
        product_url=options.product_url,
        state_file=options.state_file,
        limits=limits,
    )
    sys.stdout.write(f"{running.url}\n")
    sys.stdout.flush()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    await stopping.wait()
    await running.stop()


def main() -> int:
    """Run until SIGINT or SIGTERM; 2 when the address cannot be used."""
    options = _arguments()
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        sys.stderr.write(f"Cannot listen on {options.host}:{options.port}: {error.strerror}.\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
