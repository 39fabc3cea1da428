"""The text of a web page that its reader sees. Runs confined.

libxml2 reads the page as a stream of events, without network, DTD or entity definitions: HTML has none of the latter
two. Python's own `html.parser` is quadratic in hostile input (20,000 times `<a ` take it over a minute).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from chatbot.retrieval.notes import Note
from chatbot.retrieval.outline import Outline, Reading
from chatbot.retrieval.parsing.colours import Colours
from chatbot.retrieval.parsing.css import Sheet
from chatbot.retrieval.parsing.grid import Grid
from chatbot.retrieval.parsing.markers import raise_text, to_letters, to_roman
from chatbot.retrieval.refusal import Refusal, Refused

# what a browser with scripts never shows as text; nobody is told how much of it there was
_SILENT = frozenset(
    "script style template noscript noframes iframe object embed audio video canvas datalist head noembed defs desc"
    " metadata symbol annotation annotation-xml mphantom progress meter map rp".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol option p pre search section select summary"
    " table tbody td textarea tfoot th thead tr ul".split()
)
_INLINES = frozenset(
    "a abbr acronym area b base bdi bdo big br button cite code col colgroup data del dfn em font i img input ins kbd"
    " label link map mark math meta meter optgroup output param picture progress q rp rt ruby s samp slot small source"
    " span strike strong sub sup svg time title track tt u var wbr".split()
)
ELEMENTS = _SILENT | _BLOCKS | _INLINES
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NEVER_CLOSED = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_MARKS: dict[str, Callable[[int], str]] = {
    "a": to_letters,
    "i": to_roman,
    "A": lambda number: to_letters(number).upper(),
    "I": lambda number: to_roman(number).upper(),
}
_UNTYPED_INPUTS = frozenset("button checkbox color file hidden image password radio range reset submit".split())
# libxml2 looks through all open elements at every end tag: without a bound, that is quadratic
_MOST_OPEN = 4000
_FED_CHARACTERS = 32 * 1024
_MAX_FIELD = 2000
# what a span of 0 rows means, as far as there are any
_ALL_ROWS = 65534


def read_hypertext(text: str) -> Reading:
    """Return what is visible in a page. Raises `Refused` or `TooMuchText`."""
    page = _Page()
    parser = etree.HTMLParser(target=page, encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        for begin in range(0, len(text), _FED_CHARACTERS):
            parser.feed(text[begin : begin + _FED_CHARACTERS].encode("utf-8", "replace"))
        parser.close()
    except etree.LxmlError:
        raise Refused(Refusal.BROKEN) from None
    return Reading(page.outline.sections, page.hidden, page.outline.notes)


@dataclass(slots=True)
class _Element:
    """An element that is open. `at` is where its text begins among the pieces."""

    tag: str
    silent: bool
    unseen: bool
    attributes: Mapping[str, str]
    at: int
    colours: Colours


@dataclass(slots=True)
class _List:
    """A list that is open, and the number of its next item."""

    mark: str
    number: int
    step: int = 1


@dataclass(slots=True)
class _Table:
    """A table that is open, and how many tables were open with it."""

    depth: int
    grid: Grid = field(default_factory=Grid)
    caption: str = ""


class _Page:
    """Takes libxml2's events. Every event costs a bounded amount of work, however deep the page is nested."""

    def __init__(self) -> None:
        self.outline = Outline()
        self.hidden = 0
        self._sheet = Sheet()
        self._open: list[_Element] = []
        self._counts: Counter[str] = Counter()
        self._unseen = self._silent = self._kept = 0
        self._pieces: list[str] = []
        self._marker = ""
        self._lists: list[_List] = []
        self._special: list[str] | None = None
        self._table: _Table | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = str(tag).lower()
        if tag in _BLOCKS or tag == "br":
            self._break(tag)
        if tag in _NEVER_CLOSED:
            self._show_field(tag, attributes)
            return
        if len(self._open) >= _MOST_OPEN:
            raise Refused(Refusal.NESTED)
        # the title stands in the head, which is not shown itself
        silent = tag in _SILENT
        hidden, colours = self._sheet.judge(tag, attributes)
        unseen = hidden or self._is_closed(tag, attributes)
        colours = self._colours.under(colours)
        self._open.append(_Element(tag, silent, unseen, attributes, len(self._pieces), colours))
        self._counts[tag] += 1
        self._silent += silent
        self._unseen += unseen
        self._kept += tag == "pre"
        if tag in ("style", "title"):
            self._special = []
        elif not self._unseen and not self._silent:
            self._begin(tag, attributes)

    def end(self, tag: str) -> None:
        tag = str(tag).lower()
        if not self._counts[tag]:
            return
        while self._open:
            element = self._open.pop()
            self._close(element)
            self._counts[element.tag] -= 1
            self._silent -= element.silent
            self._unseen -= element.unseen
            self._kept -= element.tag == "pre"
            if element.tag == tag:
                break

    def data(self, text: str) -> None:
        if self._special is not None:
            self._special.append(text)
        elif self._silent:
            pass
        elif self._unseen or self._colours.is_faint or self._is_closed("", {}):
            self.hidden += len("".join(text.split()))
        else:
            self._pieces.append(text if self._kept else _spaced(text))

    def close(self) -> None:
        while self._open:
            self.end(self._open[-1].tag)
        self._end_table()
        self._flush()

    @property
    def _colours(self) -> Colours:
        return self._open[-1].colours if self._open else Colours()

    def _is_closed(self, tag: str, attributes: Mapping[str, str]) -> bool:
        """Say whether an element shows nothing until its reader opens it."""
        within = self._open[-1] if self._open else None
        folded = within is not None and within.tag == "details" and "open" not in within.attributes and tag != "summary"
        return folded or "popover" in attributes or (tag == "dialog" and "open" not in attributes)

    def _begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in ("ol", "ul", "menu"):
            step = -1 if "reversed" in attributes else 1
            self._lists.append(
                _List(attributes.get("type", "1") if tag == "ol" else "", _number(attributes, "start", 1), step)
            )
        elif tag == "li":
            self._marker = self._next_marker(attributes)
        elif tag == "table":
            if self._table and not self._table.grid.has_data:
                self._end_table()  # a frame around a table: it arranges the page
            self._table = self._table or _Table(self._counts[tag])
        elif tag == "svg":
            self.outline.note(Note.PICTURES)

    def _next_marker(self, attributes: Mapping[str, str]) -> str:
        if not self._lists or not self._lists[-1].mark:
            return "- "
        own = self._lists[-1]
        number = _number(attributes, "value", own.number)
        own.number = number + own.step
        return f"{_MARKS.get(own.mark, str)(number)}. "

    def _show_field(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Show what a form's field holds, and count pictures."""
        if self._silent or self._unseen or self._sheet.judge(tag, attributes)[0]:
            return
        if tag == "img":
            # a picture of a point or two is no picture: it counts readers
            self.outline.note(Note.PICTURES, _number(attributes, "width", 99) > 2)
        elif tag == "input":
            kind = attributes.get("type", "text").lower()
            if kind in ("checkbox", "radio"):
                self._pieces.append("[x] " if "checked" in attributes else "[ ] ")
            elif kind not in _UNTYPED_INPUTS:
                self._pieces.append(attributes.get("value", "")[:_MAX_FIELD])

    def _close(self, element: _Element) -> None:
        tag = element.tag
        if tag in ("style", "title") and self._special is not None:
            text, self._special = "".join(self._special), None
            if tag == "style":
                self._sheet.learn(text)
            elif self._silent == 1 and self._counts["head"] and not self._unseen and not self.outline.sections:
                self.outline.heading(0, text)
            return
        if self._unseen or self._silent:
            return
        if tag in ("ol", "ul", "menu") and self._lists:
            self._lists.pop()
        if tag == "sup":
            self._pieces[element.at :] = [raise_text("".join(self._pieces[element.at :]))]
        elif tag == "option" and "selected" not in element.attributes:
            del self._pieces[element.at :]
        elif self._table and tag in ("td", "th", "caption", "tr", "thead"):
            self._close_in_table(self._table, element)
        elif tag in _HEADINGS:
            self.outline.heading(_HEADINGS[tag], self._taken())
        elif tag in _BLOCKS:
            self._break(tag)
            self._marker = self._marker if tag != "li" else ""
        if tag == "table" and self._table and self._counts["table"] == self._table.depth:
            self._end_table()

    def _close_in_table(self, table: _Table, element: _Element) -> None:
        if element.tag == "caption":
            table.caption = self._taken()
        elif element.tag == "tr":
            table.grid.end_row(heading=self._counts["thead"] > 0)
        elif element.tag in ("td", "th") and self._counts["table"] == table.depth:
            columns, rows = (_number(element.attributes, name, 1) for name in ("colspan", "rowspan"))
            table.grid.cell(
                self._taken(),
                columns=max(1, columns),
                rows=rows if rows > 0 else _ALL_ROWS,
                heading=element.tag == "th",
            )
        else:
            self._pieces.append(" ")

    def _break(self, tag: str) -> None:
        if self._table and tag in _HEADINGS:
            self._end_table()  # a table with headings in it arranges the page: it holds no rows
        if self._table:
            self._pieces += [" ", self._take_marker()]
        elif tag == "br" or (self._kept and tag != "pre"):
            self._pieces.append("\n")
        else:
            self._flush()

    def _end_table(self) -> None:
        if self._table:
            table, self._table = self._table, None
            table.grid.write(self.outline, table.caption)
            self._flush()

    def _take_marker(self) -> str:
        marker, self._marker = self._marker, ""
        return marker

    def _taken(self) -> str:
        text, self._pieces = self._take_marker() + "".join(self._pieces), []
        return text

    def _flush(self) -> None:
        text, self._pieces = "".join(self._pieces), []
        lines = [line.rstrip() if self._kept else " ".join(line.split()) for line in text.split("\n")]
        text = "\n".join(lines).strip("\n")
        if text.strip():
            self.outline.paragraph(self._take_marker() + text)


def _number(attributes: Mapping[str, str], name: str, default: int) -> int:
    text = attributes.get(name, "").strip()
    return int(text[:9]) if text[:9].removeprefix("-").isdecimal() and text[:9].isascii() else default


def _spaced(text: str) -> str:
    """Return text with its white space collapsed, as a browser shows it; a space at either end is kept."""
    words = " ".join(text.split())
    before = " " if text[:1].isspace() else ""
    return f"{before}{words} " if words and text[-1:].isspace() else before + words
