"""A web page becomes the text that its reader sees, and a hostile one costs little."""

import time

import pytest

from chatbot.retrieval.outline import MOST_CHARACTERS, TooMuchText
from chatbot.retrieval.parsing.css import hides
from chatbot.retrieval.parsing.text import read_html
from chatbot.retrieval.refusal import Refusal, Refused


def read(page: str) -> list[tuple[str, str]]:
    return [(section.title, section.text.strip()) for section in read_html(page.encode()).sections]


def visible(page: str) -> str:
    return "\n".join(text for _, text in read(page) if text)


def test_headings_are_sections_below_the_title() -> None:
    page = "<title>Boat  house</title><p>Before.</p><h1>Keys</h1>Blue<h3>Deep</h3>Red<h2>Next</h2>Green"
    assert read(page) == [
        ("Boat house", "Before."),
        ("Boat house › Keys", "Blue"),
        ("Boat house › Keys › Deep", "Red"),
        ("Boat house › Keys › Next", "Green"),
    ]
    assert read("<title>Same</title><h1>Same</h1>x") == [("Same", ""), ("Same", "x")]


def test_text_that_looks_like_markdown_stays_text() -> None:
    assert read("<p># no heading</p><pre>```\n# no\n  heading</pre>") == [("", "# no heading\n\n```\n# no\n  heading")]


def test_space_is_collapsed_as_in_a_browser() -> None:
    assert (
        visible("<p>a<b> b</b>\n  c<i>d</i> e<br>f</p><div>g</div>h &amp; &eacute;&#x41;")
        == "a b cd e\nf\n\ng\n\nh & éA"
    )


def test_lists_and_tables_become_lines() -> None:
    assert visible("<ul><li>one<li>two <b>x</b></ul>") == "- one\n\n- two x"
    table = "<table><tr><th>Name<th>Room</tr><tr><td>Ada<td>blue</tr><tr><td>Bo<td><p>red</p>wing</table>"
    assert visible(table) == "Name: Ada; Room: blue\n\nName: Bo; Room: red wing"
    assert visible("<table><tr><td>a<td>b<tr><td>c<td>d</table>after") == "a | b\n\nc | d\n\nafter"


def test_a_table_that_arranges_the_page_keeps_its_headings() -> None:
    assert read("<table><tr><td><h1>News</h1><p>One.</p><td>Two.</table>") == [("News", "One.\n\nTwo.")]


@pytest.mark.parametrize(
    "hidden",
    ["<script>H</script>", "<style>H</style>", "<template>H</template>", "<noscript>H</noscript>", "<!-- H -->", "<![CDATA[H]]>",
     "<iframe>H</iframe>", "<object>H</object>", "<textarea hidden>H</textarea>", "<?H ?>", "<p title=H>", "<meta name=H content=H>",
     "<input type=hidden value=H>", "<input type=password value=H>", "<img alt=H>", "<dialog>H</dialog>"],
)  # fmt: skip
def test_what_a_browser_does_not_show_is_left_out(hidden: str) -> None:
    assert visible(f"<p>before</p>{hidden}<p>after</p>").split() == ["before", "after"]


STYLES = [
    "display:none", "DISPLAY : None !important", "d\\69splay:none", "display:/**/none", "visibility:hidden", "opacity:0", "opacity: .01",
    "opacity:1%", "font-size:0", "font-size:0.5px", "font-size: 1PT", "font-size:.01em", "position:absolute;left:-9999px", "text-indent:-100em",
    "top:-200vh", "left:-9e3px", "font:0/0 serif", "color:transparent", "color:rgba(0,0,0,0)", "color: rgb(0 0 0 / 0)", "clip-path: inset(100%)", "clip: rect(0 0 0 0)",
    "display:none;display:foo", "display:none;display:", "visibility:hidden;visibility:seen", "opacity:0;opacity:full", "left:-9999px;left:here",
    "font-size:0;font-size:12foo", "display:none!important;display:block",
    "height:0;overflow:hidden", "transform:scale(0)", "margin-left:-5000px", "content-visibility:hidden", "color:red;display:none",
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_text_hidden_by_its_style_is_left_out_and_counted(style: str) -> None:
    reading = read_html(f'<p>seen<span style="{style}">not <b>seen</b></span></p>'.encode())
    assert (reading.sections[0].text.strip(), reading.hidden) == ("seen", 7)
    ruled = read_html(f'<style>p i, .a > .x {{{style}}}</style><p>seen<b class="y x">not</b></p>'.encode())
    assert (ruled.sections[0].text.strip(), ruled.hidden) == ("seen", 3)


@pytest.mark.parametrize(
    "style", ["", "display:block", "opacity:0.5", "font-size:12px", "font-size:inherit", "left:-2px", "color:#fff0e0", "width:0", "none:display",
              "clip-path:none", "font-size:80%", "height:0", "overflow:hidden", "margin-left:-10px", "opacity:", "font:0.9em serif", "display:none;display:block",
              "visibility:hidden;visibility:inherit", "opacity:0;opacity:50%", "left:-9999px;left:auto", "font-size:0;font-size:x-large",
              "display:none;display:block!important", "font-size:0;font-size:calc(1em + 2px)", "display:none!important;display:flex!important",
              "text-indent:-999px;text-indent:2em"]
)  # fmt: skip
def test_ordinary_styles_hide_nothing(style: str) -> None:
    assert not hides(style)


def test_the_hidden_attribute_and_hidden_rows_count() -> None:
    reading = read_html(b"<div hidden>abc<p>de</div><table style='display:none'><tr><td>fg</table>seen")
    assert (reading.sections[0].text.strip(), reading.hidden) == ("seen", 7)


HOSTILE = {
    "unclosed comment": b"<!--" * 500_000,
    "cdata": b"<![<![" * 300_000,
    "attributes": b"<a " * 600_000,
    "named attributes": b"<p " + b"".join(b"a%d=b " % number for number in range(200_000)) + b">",
    "entities": b"&" * 2_000_000,
    "unknown entities": b"&lt" * 600_000,
    "quotes": b'<a href="' * 200_000,
    "less-than": b"<" * 500_000,
    "items": b"<li>" * 100_000,
    "sheet": b"<style>" + b".a{" * 500_000 + b"</style>",
    "one rule": b"<style>.a{display:none}</style>" + b"<p class='b c d'>x" * 30_000,
    "titles": b"<title>" * 300_000,
    "closed too often": b"</b>" * 400_000,
    "doctype": b'<!DOCTYPE html [<!ENTITY a "' + b"x" * 1000 + b'">]>' + b"&a;" * 300_000,
    "paragraphs": b"<p>" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_is_read_in_linear_time(name: str) -> None:
    begun = time.process_time()
    read_html(HOSTILE[name])
    assert time.process_time() - begun < 15


@pytest.mark.parametrize(
    "page", [b"<div>" * 400_000, b"<div>" * 150_000 + b"</b>" * 200_000, b"<b>" * 400_000, b"<table><tr><td>" * 100_000]
)
def test_a_page_nested_beyond_measure_is_refused_at_once(page: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(Refused) as refused:
        read_html(page)
    assert refused.value.reason is Refusal.NESTED
    assert time.process_time() - begun < 15


def test_a_page_cut_short_is_read_as_far_as_it_goes() -> None:
    assert visible("<p>One <b>two</b> <a href='x") == "One two"


def test_text_beyond_all_measure_is_refused() -> None:
    with pytest.raises(TooMuchText):
        read_html(b"<p>" + b"x " * (MOST_CHARACTERS // 2 + 1))
