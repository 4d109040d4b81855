"""Child processes that cannot outlive us, whatever way we end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

# Waits for a word from the parent, which is the good end; silence means that the parent died, in
# whatever way, and then the server's whole group is ended and its folder removed.
_LIFELINE = """
import os, shutil, signal, sys, time
pid, folder = int(sys.argv[1]), sys.argv[2]
if sys.stdin.read():
    sys.exit()
for sign, seconds in ((signal.SIGINT, 5), (signal.SIGKILL, 2)):
    until = time.monotonic() + seconds
    try:
        os.kill(pid, sign)
        while time.monotonic() < until:
            os.killpg(pid, 0)
            time.sleep(0.02)
        os.killpg(pid, sign)
    except ProcessLookupError:
        break
shutil.rmtree(folder, ignore_errors=True)
"""


class ServerUnavailable(RuntimeError):
    """This machine cannot run the server; the text says why."""


def free_port() -> int:
    """A port nobody listens on now; somebody may a moment later, so starters try again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def temporary_folder(prefix: str, *, public: bool = False) -> Iterator[Path]:
    """A short-named folder that other users can pass through but not list.

    With `public`, in a place where they can reach it, whatever TMPDIR says.
    """
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir="/tmp" if public else None, ignore_cleanup_errors=True
    ) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@contextlib.contextmanager
def child(
    command: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    environment: dict[str, str],
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in its own session (Ctrl-C is ours to handle) with a lifeline to us.

    `folder` holds everything of the server and is removed should we die.
    """
    with log.open("ab") as output:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    lifeline = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _LIFELINE, str(server.pid), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    try:
        yield server
    finally:
        _stop(server)
        with contextlib.suppress(BrokenPipeError):  # it may have ended before us
            lifeline.communicate(b"stopped", timeout=10)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Ask politely, then insist; reaps the child either way."""
    if server.poll() is not None:
        return
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):  # it ended between the two calls
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(timeout=5)


def wait_until(
    ready: Callable[[], bool], *, server: subprocess.Popen[bytes], log: Path, seconds: float
) -> None:
    """Return when the server is ready; raise ServerUnavailable with the log's end otherwise."""
    until = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < until:
        if ready():
            return
        time.sleep(0.02)
    tail = log.read_text(errors="replace").strip().splitlines()[-3:]
    raise ServerUnavailable(" / ".join(tail) or f"not ready within {seconds:.0f} s")
