"""What people write: made fit for the database, and not longer than anybody would read."""

from __future__ import annotations

import unicodedata

from loyalty.errors import WordsInvalid

WORDS_LIMIT = 2000
"""Characters of one message."""

_FORCED_DIRECTIONS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))


def clean_words(text: str) -> str:
    """The text without what no database holds (NUL, halves of characters), without marks that
    force a direction on what stands around it, and without edges.

    Raises:
        WordsInvalid: nothing that can be seen is left, or more than ``WORDS_LIMIT``.
    """
    whole = text.replace("\x00", "").encode("utf-8", "ignore").decode()
    kept = "".join(
        sign for sign in whole if unicodedata.bidirectional(sign) not in _FORCED_DIRECTIONS
    ).strip()
    seen = any(unicodedata.category(sign)[0] not in "ZC" for sign in kept)
    if not seen or len(kept) > WORDS_LIMIT:
        raise WordsInvalid(length=len(kept) if seen else 0, limit=WORDS_LIMIT)
    return kept
