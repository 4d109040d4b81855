"""How many `sendMessage` calls a second the local Telegram answers on one core.

The emulator runs in its own process, the client in this one: raw keep-alive sockets, so that the
client is not what is measured. Beside it, the same client against a bare aiohttp handler that
reads the form and answers a fixed message: the ceiling. Prints one JSON line.

    python -m benchmarks.emulator_send --calls 20000 --connections 16
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from benchmarks.common import Row

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "1000001:" + "A" * 35
GOAL = 2_000
CHATS = 500

BARE = """
import asyncio, json, sys
from aiohttp import web
ANSWER = {"ok": True, "result": {"message_id": 1, "date": 1, "text": "x",
          "chat": {"id": 1, "type": "private", "first_name": "A"}}}
async def handle(request):
    await request.post()
    return web.Response(body=json.dumps(ANSWER).encode(), content_type="application/json")
async def main():
    app = web.Application()
    app.add_routes([web.route("*", r"/bot{token:[^/]+}/{method:[^/]*}", handle)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def control(url: str, method: str, path: str, body: object) -> None:
    """One control call."""
    request = urllib.request.Request(
        url + path,
        data=json.dumps(body).encode(),
        method=method,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def request_bytes(port: int, chat_id: int, number: int) -> bytes:
    """A sendMessage as a library sends it: a form with HTML and a small keyboard."""
    form = urllib.parse.urlencode(
        {
            "chat_id": chat_id,
            "text": f"<b>Hello</b>, message {number}",
            "parse_mode": "HTML",
            "reply_markup": '{"inline_keyboard":[[{"text":"Card","callback_data":"card"}]]}',
        }
    ).encode()
    head = (
        f"POST /bot{TOKEN}/sendMessage HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\n\r\n"
    )
    return head.encode() + form


async def worker(port: int, numbers: list[int]) -> int:
    """Send the calls of one connection one after the other; returns how many were accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    accepted = 0
    for number in numbers:
        writer.write(request_bytes(port, number % CHATS + 1, number))
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length is not None
        body = await reader.readexactly(int(length[1]))
        accepted += body.startswith((b'{"ok":true', b'{"ok": true'))
    writer.close()
    await writer.wait_closed()
    return accepted


async def drive(port: int, calls: int, connections: int) -> float:
    """Calls a second."""
    shares = [list(range(start, calls, connections)) for start in range(connections)]
    begin = time.perf_counter()
    accepted = sum(await asyncio.gather(*(worker(port, share) for share in shares)))
    seconds = time.perf_counter() - begin
    assert accepted == calls, f"only {accepted} of {calls} were accepted"
    return calls / seconds


def drive_server(
    command: list[str], calls: int, connections: int, *, prepare: bool
) -> tuple[float, float]:
    """Start a server, drive it; returns calls a second and its CPU microseconds a call."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        if prepare:
            control(url, "PUT", "/control/bots/1000001", {})
            control(url, "POST", "/control/crowd", {"first_id": 1, "count": CHATS})
        port = int(url.rsplit(":", 1)[1])
        asyncio.run(drive(port, calls // 10, connections))
        before = cpu_seconds(server.pid)
        rate = asyncio.run(drive(port, calls, connections))
        return rate, (cpu_seconds(server.pid) - before) / calls * 1e6
    finally:
        server.terminate()
        server.wait(timeout=10)
        server.stdout.close()


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far; 0 where /proc is missing."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return 0.0
    fields = path.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(*, calls: int = 20_000, connections: int = 16) -> list[Row]:
    """Ours against the goal, which is a rate; the bare handler's rate stands in the note."""
    off = ["--global-per-second", "0", "--per-chat-per-second", "0"]
    emulator = [sys.executable, "-m", "emulator", "--port", "0", *off]
    bare, _ = drive_server([sys.executable, "-c", BARE], calls, connections, prepare=False)
    ours, cpu = drive_server(emulator, calls, connections, prepare=True)
    note = f"CPU {cpu:.0f} µs a call; a bare handler answers {bare:,.0f}/s"
    return [Row("local Telegram, sendMessage", GOAL, ours, "/s", 1.0, note=note)]


def main() -> int:
    """Measure both in turn and print the result; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    [row] = measure(calls=options.calls, connections=options.connections)
    print(row.as_json())
    return 0 if row.met else 1


if __name__ == "__main__":
    sys.exit(main())
