"""Pages from templates: language, forms of numbers and dates, addresses of static files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from babel.dates import format_date, format_time
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from admin import words
from admin.base import ME, SETTINGS
from admin.guard import csrf_token
from loyalty import clock
from loyalty.settings import Settings
from loyalty.texts import LANGUAGES, Translator, translator

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
LANGUAGE_COOKIE = "regulars_language"


TEMPLATES: web.AppKey[Environment] = web.AppKey("templates", Environment)


def environment() -> Environment:
    """Templates with escaping on; an unknown variable is an error, not an empty place."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.globals["asset"] = _Assets()
    return made


class _Assets:
    """Addresses of static files with a mark of their content, so that they can be kept long."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if name not in self._known:
            mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
            self._known[name] = f"/admin/static/{name}?v={mark}"
        return self._known[name]


def language(request: web.Request) -> Translator:
    """The language of the answer: chosen on the page, else the person's, else the browser's."""
    return translator(_language(request))


def _language(request: web.Request) -> str:
    person = request.get(ME)
    browser = request.headers.get("Accept-Language", "").replace(" ", "").split(",")
    wishes = [
        request.cookies.get(LANGUAGE_COOKIE),
        person.language if person else None,
        *(wish.split(";")[0].split("-")[0].lower() for wish in browser[:10]),
        request.app[SETTINGS].language,
    ]
    return next(wish for wish in wishes if wish in LANGUAGES)


class Say:
    """Numbers, money and dates in one language, for templates."""

    def __init__(self, t: Translator, settings: Settings, now: datetime) -> None:
        self._t = t
        self._zone = settings.time_zone
        self._currency = settings.currency
        self._locale = "ru" if t.language == "ru" else "en_GB"
        self._today = clock.local_date(now, settings.time_zone)

    def money(self, amount: int) -> str:
        """Minor units as money; figures and sign never part at a line's end."""
        return self._t.money(amount, self._currency)

    def size(self, text: str) -> str:
        """How large a figure may stand in its tile: the name of a class, empty for large."""
        return "longest" if len(text) > 14 else "long" if len(text) > 9 else ""

    def percent(self, share: float | None) -> str:
        """A share from 0 to 1 with one decimal; a dash for none."""
        if share is None:
            return "–"
        text = f"{share * 100:.1f}"
        return f"{text.replace('.', ',')}\u00a0%" if self._t.language == "ru" else f"{text}%"

    def day(self, value: date | datetime) -> str:
        """A day; its year only when it is another one than this."""
        if isinstance(value, datetime):
            value = clock.local_date(value, self._zone)
        return self._t.day(value, year=value.year != self._today.year)

    def moment(self, value: datetime) -> str:
        """A day and the time of it, in the business zone."""
        local = value.astimezone(clock.zone(self._zone))
        return f"{self.day(value)}, {format_time(local, 'HH:mm', locale=self._locale)}"

    def month(self, value: date) -> str:
        """A month with its year: "June 2026"."""
        return format_date(value, "LLLL y", locale=self._locale)

    def short_month(self, value: date) -> str:
        """A month under a chart's bar: "Jun"."""
        return format_date(value, "LLL", locale=self._locale).rstrip(".")


def say(request: web.Request) -> Say:
    """The forms of numbers and dates in the language of the request."""
    return Say(language(request), request.app[SETTINGS], clock.now())


def last_day_of(request: web.Request) -> Callable[[datetime], str]:
    """The last day before an end, as people say it."""
    zone, forms = request.app[SETTINGS].time_zone, say(request)
    return lambda ends_at: forms.day(clock.last_valid_day(ends_at, zone))


def page(
    request: web.Request, template: str, /, *, status: int = 200, **values: Any
) -> web.Response:
    """The page made of ``template``."""
    t = language(request)
    body = request.app[TEMPLATES].get_template(template).render(
        _=t,
        plural=t.plural,
        say=say(request),
        words=words.Words(t),
        language=t.language,
        csrf=csrf_token(request),
        htmx_headers=json.dumps({"X-CSRF-Token": csrf_token(request)}),
        path=request.path,
        here=request.path_qs if request.method == "GET" else request.path,
        me=request.get(ME),
        **values,
    )  # fmt: skip
    return web.Response(text=body, status=status, content_type="text/html", charset="utf-8")
