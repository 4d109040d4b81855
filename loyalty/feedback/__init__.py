"""What customers think: ratings of purchases, and talks with the staff.

``rate`` and ``comment`` are the customer's stars and words, ``write`` their words to the staff;
``answer``, ``close`` and ``reopen`` the staff's part; the rest reads. All free text lives in
``rating.text`` and ``talk_message.text``.
"""

from loyalty.feedback.listing import (
    STATUSES,
    Line,
    Talk,
    Thread,
    counts,
    recent_lines,
    talk_of,
    talks,
    thread,
    waiting,
)
from loyalty.feedback.reach import Reach, reach_of
from loyalty.feedback.scores import (
    Mean,
    Score,
    average_of,
    by_cashier,
    by_outlet,
    ratings,
    spread,
    tenths,
)
from loyalty.feedback.stars import (
    BEST,
    RATE_WITHIN,
    SORRY,
    WORST,
    Commented,
    Rated,
    comment,
    last_score,
    rate,
    rated_among,
    score_of,
)
from loyalty.feedback.tables import rating, talk, talk_message
from loyalty.feedback.talking import (
    ANSWERED,
    CLOSED,
    OPEN,
    PER_HOUR,
    Answered,
    Written,
    answer,
    close,
    reopen,
    text_of_answer,
    write,
)
from loyalty.feedback.words import WORDS_LIMIT, clean_words

__all__ = [
    "ANSWERED",
    "BEST",
    "CLOSED",
    "OPEN",
    "PER_HOUR",
    "RATE_WITHIN",
    "SORRY",
    "STATUSES",
    "WORDS_LIMIT",
    "WORST",
    "Answered",
    "Commented",
    "Line",
    "Mean",
    "Rated",
    "Reach",
    "Score",
    "Talk",
    "Thread",
    "Written",
    "answer",
    "average_of",
    "by_cashier",
    "by_outlet",
    "clean_words",
    "close",
    "comment",
    "counts",
    "last_score",
    "rate",
    "rated_among",
    "rating",
    "ratings",
    "reach_of",
    "recent_lines",
    "reopen",
    "score_of",
    "spread",
    "talk",
    "talk_message",
    "talk_of",
    "talks",
    "tenths",
    "text_of_answer",
    "thread",
    "waiting",
    "write",
]
