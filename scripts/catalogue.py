"""The message catalogue: collect from the code, merge, compile, check.

Messages are written in English in the code and are their own keys. Both languages have a
catalogue: Russian translates, English gives the plural forms.

    scripts/catalogue.py update     new texts into both catalogues
    scripts/catalogue.py prune      the same, and those no longer used out
    scripts/catalogue.py compile    .po to .mo, which is what the program reads
    scripts/catalogue.py check      exit 1 and a list of what is missing or does not fit
"""

from __future__ import annotations

import argparse
import io
import os
import re
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "loyalty" / "locales"
LANGUAGES = ("en", "ru")
# The names under which a message is said, and where in the call it stands. A translator is called
# `_`, `t` or `tr`; its `plural` takes both forms; `N_` marks a message to be said later.
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(("_", "say", "t", "tr", "N_", "__", "gettext", "lazy_gettext")),
    **dict.fromkeys(("plural", "ngettext", "_n"), (1, 2)),
}
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


# --- collecting ------------------------------------------------------------------------------


def extract_template(
    source: IO[bytes],
    _keywords: Any,
    comment_tags: Any,
    options: dict[str, str],  # noqa: ARG001 - babel passes it by this name
) -> Iterator[tuple[int, str | None, Any, list[str]]]:
    """Babel's hook for Jinja: `{% trans %}`, `_("…")`, and `_.plural("…", "…", n)` too."""
    from jinja2 import Environment, nodes
    from jinja2.ext import babel_extract

    text = source.read()
    # Not silent: a template that cannot be read would lose its texts without a word.
    reading = {"trimmed": "true", "extensions": "jinja2.ext.do", "silent": "false"}
    found = babel_extract(io.BytesIO(text), list(KEYWORDS), comment_tags, reading)
    yield from ((line, name, words, list(notes)) for line, name, words, notes in found)
    environment = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True)
    for call in environment.parse(text.decode()).find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr in KEYWORDS:
            words = tuple(a.value if isinstance(a, nodes.Const) else None for a in call.args)
            yield call.lineno, call.node.attr, words, []


def collect() -> Catalog:
    """Every message of the code."""
    methods, options = _mapping()
    catalogue = Catalog(project="Regulars", charset="utf-8")
    found = extract_from_dir(
        str(ROOT),
        method_map=methods,
        options_map=options,
        keywords=KEYWORDS,
        comment_tags=["Translators:"],
    )
    for _path, _line, message, comments, context in found:
        catalogue.add(message, auto_comments=comments, context=context)
    return catalogue


def _mapping() -> tuple[list[tuple[str, str]], dict[str, dict[str, Any]]]:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))  # so that babel can import the hook above by its name
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    return methods, options


# --- files -----------------------------------------------------------------------------------


def path_of(language: str) -> Path:
    """The catalogue of a language."""
    return LOCALES / language / "LC_MESSAGES" / "messages.po"


def load(language: str) -> Catalog:
    """Read a catalogue; an absent one is empty."""
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language, project="Regulars", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language, charset="utf-8")


def save(language: str, catalogue: Catalog) -> None:
    """Write a catalogue in a stable order, without dates and line numbers: diffs show texts."""
    forms = f"nplurals={catalogue.num_plurals}; plural={catalogue.plural_expr};"
    header = (
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n"Plural-Forms: {forms}\\n"\n'
        '"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )
    body = io.BytesIO()
    write_po(
        body,
        catalogue,
        width=100,
        no_location=True,
        omit_header=True,
        sort_output=True,
        ignore_obsolete=True,
    )
    replace(path_of(language), header.encode() + body.getvalue().strip() + b"\n")


def replace(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)


# --- the three commands ----------------------------------------------------------------------


def update(*, prune: bool = False) -> int:
    """Add to both catalogues what the code says; English texts are their own translation.

    Without `prune` nothing is removed: a translation may be there before its text.
    """
    wanted = collect()
    for language in LANGUAGES:
        catalogue = load(language)
        catalogue.update(wanted, no_fuzzy_matching=True)
        for message in [] if prune else list(catalogue.obsolete.values()):
            catalogue[message.id] = message
        if language == "en":
            for message in _messages(catalogue):
                if not all(_forms(message)):
                    message.string = message.id
        save(language, catalogue)
        empty = sum(not all(_forms(message)) for message in _messages(catalogue))
        print(f"{language}: {len(catalogue)} messages, {empty} to translate")
    return 0


def compile_all(*, stale_only: bool = False) -> int:
    """Write the .mo files that the program reads."""
    for language in LANGUAGES:
        source, made = path_of(language), path_of(language).with_suffix(".mo")
        fresh = made.exists() and made.stat().st_mtime >= source.stat().st_mtime
        if not source.exists() or (stale_only and fresh):
            continue
        content = io.BytesIO()
        write_mo(content, load(language))
        replace(made, content.getvalue())
    return 0


def check() -> int:
    """List what a reader of either language would stumble over; 1 if there is anything."""
    wanted = collect()
    problems: list[str] = []
    for language in LANGUAGES:
        if not path_of(language).exists() and len(wanted):
            problems.append(f"{language}: no catalogue, run `make catalogue`")
            continue
        catalogue = load(language)
        known = {(message.context, message.id) for message in _messages(catalogue)}
        asked = {(message.context, message.id) for message in _messages(wanted)}
        problems += [f"{language}: not in the catalogue: {_name(m)!r}" for _, m in asked - known]
        problems += [f"{language}: no longer used (prune): {_name(m)!r}" for _, m in known - asked]
        for message in _messages(catalogue):
            forms = catalogue.num_plurals
            problems += [f"{language}: {p}: {_name(message.id)!r}" for p in faults(message, forms)]
    for problem in sorted(problems):
        print(problem, file=sys.stderr)
    print(
        f"catalogue: {len(wanted)} messages in {len(LANGUAGES)} languages, {len(problems)} faults"
    )
    return 1 if problems else 0


def faults(message: Message, plurals: int) -> list[str]:
    """What is wrong with one translation, in words."""
    forms = _forms(message)
    found: list[str] = []
    if message.fuzzy:
        found.append("fuzzy")
    if not all(form.strip() for form in forms):
        return [*found, "not translated"]
    if message.pluralizable and len(forms) != plurals:
        return [*found, f"{len(forms)} plural forms instead of {plurals}"]
    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    for index, form in enumerate(forms):
        # The first form may be for one thing alone only where the language says so: Russian
        # uses it for 21 as well, so there it must carry the number like the others.
        original = ids[0] if index == 0 and plurals <= 2 else ids[-1]
        if placeholders(form) != placeholders(original):
            found.append(f"placeholders differ in {form!r}")
        if Counter(_TAG.findall(form)) != Counter(_TAG.findall(original)):
            found.append(f"tags differ in {form!r}")
    return found


def placeholders(text: str) -> frozenset[str]:
    """The `{names}` and `%(names)s` of a message; a broken one is a placeholder of its own."""
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        names = {f"broken: {error}"}
    return frozenset(names | set(re.findall(r"%\((\w+)\)", text)))


def _messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def _forms(message: Message) -> tuple[str, ...]:
    text = message.string
    if isinstance(text, (tuple, list)):
        return tuple(str(form) for form in text)
    return (str(text or ""),)


def _name(message_id: Any) -> str:
    return str(message_id[0] if isinstance(message_id, (tuple, list)) else message_id)


def main() -> int:
    """Run one command."""
    commands: dict[str, Callable[[], int]] = {
        "update": update,
        "prune": lambda: update(prune=True),
        "compile": compile_all,
        "check": check,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=commands)
    return commands[parser.parse_args().command]()


if __name__ == "__main__":
    sys.exit(main())
