"""What people write: made fit for the database, and not longer than anybody would read."""

from __future__ import annotations

from loyalty.errors import WordsInvalid

WORDS_LIMIT = 2000
"""Characters of one message."""


def clean_words(text: str) -> str:
    """The text without what no database holds (NUL, halves of characters), and without edges.

    Raises:
        WordsInvalid: nothing is left, or more than ``WORDS_LIMIT``.
    """
    kept = text.replace("\x00", "").encode("utf-8", "ignore").decode().strip()
    if not kept or len(kept) > WORDS_LIMIT:
        raise WordsInvalid(length=len(kept), limit=WORDS_LIMIT)
    return kept
