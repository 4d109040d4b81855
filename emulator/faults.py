"""Faults on demand: the next calls of a method fail in a chosen way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from emulator.errors import ApiError

KINDS = ("429", "403", "400", "5xx", "hang", "slow", "drop_before", "drop_after")


@dataclass(slots=True)
class Fault:
    """One order: the next `times` calls of `method` (`*`: any), to `chat_id` if given."""

    method: str
    kind: str
    times: int = 1
    chat_id: int | None = None
    retry_after: int = 1
    seconds: float | None = None
    description: str | None = None
    status: int = 500

    def as_json(self) -> dict[str, Any]:
        """The order with what is left of it."""
        return asdict(self)

    def error(self) -> ApiError | None:
        """The refusal of this kind; None for kinds that are not an answer."""
        if self.kind == "429":
            return ApiError(
                429,
                self.description or f"Too Many Requests: retry after {self.retry_after}",
                retry_after=self.retry_after,
            )
        if self.kind == "403":
            return ApiError(403, self.description or "Forbidden: bot was blocked by the user")
        if self.kind == "400":
            return ApiError(400, self.description or "Bad Request: chat not found")
        if self.kind == "5xx":
            text = "Bad Gateway" if self.status == 502 else "Internal Server Error"
            return ApiError(self.status, self.description or text)
        return None


class Faults:
    """Orders in the order they came."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Arm one order."""
        self._orders.append(fault)

    def clear(self) -> None:
        """Disarm all."""
        self._orders.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Every order still armed."""
        return [fault.as_json() for fault in self._orders]

    def take(self, method: str, chat_id: Any) -> Fault | None:
        """The first order that fits this call, used up by one."""
        for fault in self._orders:
            if fault.method not in ("*", method):
                continue
            if fault.chat_id is not None and str(fault.chat_id) != str(chat_id):
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._orders.remove(fault)
            return fault
        return None
