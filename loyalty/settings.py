"""Settings from the environment: secrets and addresses, never rules of the program."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from loyalty import clock

_POSTGRES = ("postgres://", "postgresql://", "postgresql+asyncpg://")


def _here(others: dict[str, Any]) -> str:
    """Where this machine's own browser finds the panel, unless ``PUBLIC_URL`` says otherwise."""
    return f"http://localhost:{others.get('port') or 8080}"


class Settings(BaseSettings):
    """What `contract.md` calls the environment; empty strings count as unset."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    bot_token: SecretStr | None = None
    telegram_api_url: str | None = None
    database_url: str = "sqlite:///data/regulars.db"
    redis_url: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = Field(default_factory=_here)
    emulator_port: int = Field(default=8081, ge=0, le=65535)
    telegram_mode: Literal["polling", "webhook"] = "polling"
    webhook_secret: SecretStr | None = None
    secret_key: SecretStr | None = None
    time_zone: str = "Europe/Moscow"
    language: Literal["ru", "en"] = "ru"
    currency: str = Field(default="RUB", pattern=r"^[A-Z]{3}$")
    log_format: Literal["console", "json"] = "console"
    sentry_dsn: SecretStr | None = None
    otel_exporter_otlp_endpoint: str | None = None

    @field_validator("language", mode="before")
    @classmethod
    def _known_language(cls, value: object) -> object:
        """Desktops set LANGUAGE to lists like ``en_US:en``; what they mean is their first."""
        text = str(value)
        if not any(mark in text for mark in "_:."):
            return value
        first = text.split(":")[0].split("_")[0].split(".")[0].lower()
        return first if first in ("ru", "en") else "ru"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        clock.zone(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith(_POSTGRES):
            _ = urlsplit(value).port  # raises for one that is no number
        else:
            from loyalty.db.sqlite import sqlite_path

            sqlite_path(value)
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("not an address of Redis")
        return value

    @field_validator("telegram_api_url", "public_url")
    @classmethod
    def _known_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://unset")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("not an address")
        _ = parts.port  # raises for one that is no number
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", value.get_secret_value()):
            raise ValueError("Telegram takes no such secret")
        return value

    @cached_property
    def on_postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.database_url.startswith(_POSTGRES)

    @cached_property
    def data_folder(self) -> Path:
        """Where a single process keeps what it makes (its key, the demo's chats)."""
        if self.on_postgres:
            return Path("data")
        from loyalty.db.sqlite import sqlite_path

        return sqlite_path(self.database_url).parent
