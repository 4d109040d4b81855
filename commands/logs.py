"""Logging: to a console or as JSON lines, without tokens, phones or names."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

# A bot token, a card or invitation payload, a phone: none of them belongs in a log.
_SECRETS = re.compile(r"[0-9]{5,}:[A-Za-z0-9_-]{30,}|\b[cjk]_[A-Za-z0-9_-]{16,}|\+[0-9]{10,15}\b")


def redact(text: str) -> str:
    """``text`` with what looks like a token or a phone masked."""
    return _SECRETS.sub("[…]", text)


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, ensure_ascii=False))


def set_up(log_format: str, *, level: int = logging.INFO) -> None:
    """Log to standard error in ``console`` or ``json`` form; libraries only when they worry."""
    handler = logging.StreamHandler(sys.stderr)
    plain = _Plain("%(asctime)s %(levelname)s %(name)s %(message)s", "%H:%M:%S")
    handler.setFormatter(_Json() if log_format == "json" else plain)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiogram", "aiohttp", "asyncio", "alembic", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A tick that comes while the one before still works is skipped, and that is as it should be.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    _structlog(level)


def _structlog(level: int) -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
