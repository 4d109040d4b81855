"""What a process calls itself: who holds a lease, who leads."""

from __future__ import annotations

import os
import re
import secrets
import socket


def new_name() -> str:
    """The machine, the process and a bit of chance, in at most 40 characters."""
    host = re.sub(r"[^A-Za-z0-9.-]", "", socket.gethostname())[:20] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
