"""Settings from the environment: secrets and addresses, never rules of the program."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from loyalty import clock


class Settings(BaseSettings):
    """What `contract.md` calls the environment; empty strings count as unset."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    bot_token: SecretStr | None = None
    telegram_api_url: str | None = None
    database_url: str = "sqlite:///data/regulars.db"
    redis_url: str | None = None
    public_url: str = "http://localhost:8080"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
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

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        clock.zone(value)
        return value

    @cached_property
    def on_postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.database_url.startswith(("postgres://", "postgresql"))

    @cached_property
    def data_folder(self) -> Path:
        """Where a single process keeps what it makes (its key, the demo's chats)."""
        if self.on_postgres:
            return Path("data")
        from loyalty.db.sqlite import sqlite_path

        return sqlite_path(self.database_url).parent
