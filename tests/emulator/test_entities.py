"""Parse modes and automatic entities: what is shown, where, and Telegram's errors."""

import pytest

from emulator.errors import ApiError
from emulator.text import formatted


def shown(source: str, mode: str | None = None) -> list[tuple[str, str]]:
    """Kind and covered text of each entity, read back through UTF-16 offsets."""
    text, entities = formatted(source, parse_mode=mode)
    units = text.encode("utf-16-le")
    return [
        (e["type"], units[e["offset"] * 2 : (e["offset"] + e["length"]) * 2].decode("utf-16-le"))
        for e in entities
    ]


def test_html_nests_and_counts_utf16_units() -> None:
    assert shown("<b>a😀 <i>вложен</i></b> <u>x</u><s>y</s>", "HTML") == [
        ("bold", "a😀 вложен"),
        ("italic", "вложен"),
        ("underline", "x"),
        ("strikethrough", "y"),
    ]


def test_html_links_code_quotes_and_references() -> None:
    text, entities = formatted(
        '<a href="https://example.com?a=1&amp;b=2">l</a> &lt;3 <code>c</code>'
        '<pre><code class="language-python">p</code></pre>'
        "<blockquote expandable>q</blockquote><tg-spoiler>s</tg-spoiler>"
        '<span class="tg-spoiler">t</span><tg-time unix="1700000000" format="wDT">d</tg-time>',
        parse_mode="html",
    )
    assert text == "l <3 cpqstd"
    assert entities[0] == {
        "type": "text_link",
        "offset": 0,
        "length": 1,
        "url": "https://example.com/?a=1&b=2",
    }
    assert [e["type"] for e in entities[1:]] == [
        "code",
        "pre",
        "expandable_blockquote",
        "spoiler",
        "spoiler",
        "date_time",
    ]
    assert entities[2]["language"] == "python"
    assert entities[-1]["unix_time"] == 1700000000


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("я<foo>", 'Unsupported start tag "foo" at byte offset 2'),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<a href=>x</a>", None),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<a href="x', 'Unclosed start tag "a" at byte offset 0'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
    ],
)
def test_html_errors_are_telegrams(source: str, error: str | None) -> None:
    if error is None:
        assert formatted(source, parse_mode="HTML") == ("x", [])
        return
    with pytest.raises(ApiError) as refused:
        formatted(source, parse_mode="HTML")
    assert refused.value.description == f"Bad Request: can't parse entities: {error}"


def test_markdown_v2() -> None:
    source = "*b _i_* __u__ ~s~ ||p|| `c` [l](https://a.bc/x\\)y) \\. 😀*z*\n>q1\n>q2\nend"
    assert shown(source, "MarkdownV2") == [
        ("bold", "b i"),
        ("italic", "i"),
        ("underline", "u"),
        ("strikethrough", "s"),
        ("spoiler", "p"),
        ("code", "c"),
        ("text_link", "l"),
        ("bold", "z"),
        ("blockquote", "q1\nq2"),
    ]
    _, entities = formatted("```py\nx = 1```", parse_mode="MarkdownV2")
    assert entities == [{"type": "pre", "offset": 0, "length": 5, "language": "py"}]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("a.b", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("я *b", "Can't find end of Bold entity at byte offset 3"),
        ("[x](http://a", "Can't find end of a URL at byte offset 4"),
        ("`c", "Can't find end of Code entity at byte offset 0"),
    ],
)
def test_markdown_v2_errors_are_telegrams(source: str, error: str) -> None:
    with pytest.raises(ApiError) as refused:
        formatted(source, parse_mode="MarkdownV2")
    assert refused.value.description == f"Bad Request: can't parse entities: {error}"


def test_legacy_markdown() -> None:
    assert shown("*b* _i_ `c` [l](http://a.bc) ```\nx``` \\*", "Markdown") == [
        ("bold", "b"),
        ("italic", "i"),
        ("code", "c"),
        ("text_link", "l"),
        ("pre", "x"),
    ]
    with pytest.raises(ApiError, match="Can't find end of the entity starting at byte offset 0"):
        formatted("_x", parse_mode="Markdown")


def test_entities_telegram_finds_by_itself() -> None:
    assert shown("/start c_1 a@b.ru https://x.ru/a?b, x.ru @nick5 #tag +7 900 123-45-67, 3/4") == [
        ("bot_command", "/start"),
        ("email", "a@b.ru"),
        ("url", "https://x.ru/a?b"),
        ("url", "x.ru"),
        ("mention", "@nick5"),
        ("hashtag", "#tag"),
        ("phone_number", "+7 900 123-45-67"),
    ]
    assert shown("<code>/start</code>", "HTML") == [("code", "/start")]


def test_surrounding_space_goes_and_offsets_move() -> None:
    text, entities = formatted("  <b> x </b> ", parse_mode="HTML")
    assert (text, entities) == ("x", [{"type": "bold", "offset": 0, "length": 1}])


def test_lengths_count_after_parsing() -> None:
    assert len(formatted(f"<b>{'я' * 4096}</b>", parse_mode="HTML")[0]) == 4096
    with pytest.raises(ApiError, match="message is too long"):
        formatted("я" * 4097)
    with pytest.raises(ApiError, match="message text is empty"):
        formatted("<b> </b>", parse_mode="HTML")
    with pytest.raises(ApiError, match="message caption is too long"):
        formatted("x" * 1025, limit=1024, caption=True)


def test_explicit_entities_are_kept_and_checked() -> None:
    entity = {"type": "bold", "offset": 2, "length": 2}
    assert formatted("😀ab", entities=[entity]) == ("😀ab", [entity])
    with pytest.raises(ApiError, match="middle of a UTF-16 symbol"):
        formatted("😀ab", entities=[{"type": "bold", "offset": 1, "length": 1}])
