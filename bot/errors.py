"""Why a bot could not start; kept apart so that naming it imports nothing heavy."""


class StartFailed(Exception):
    """``reason``: ``token`` (Telegram does not know it) or ``unreachable`` (no answer)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
