"""The text of a web page that its reader sees. Runs confined.

libxml2 reads the page as a stream of events, without network, DTD or entity definitions: HTML has none of the latter
two. Python's own `html.parser` is quadratic in hostile input (20,000 times `<a ` take it over a minute).
"""

from collections import Counter
from collections.abc import Mapping

from lxml import etree

from chatbot.retrieval.outline import Outline, Reading
from chatbot.retrieval.parsing.css import Sheet
from chatbot.retrieval.refusal import Refusal, Refused

# what a browser with scripts never shows as text; nobody is told how much of it there was
_SILENT = frozenset(
    "script style template noscript noframes iframe object embed audio video canvas datalist rp head".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol option p pre search section select summary"
    " table tbody td textarea tfoot th thead tr ul".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NEVER_CLOSED = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# libxml2 looks through all open elements at every end tag: without a bound, that is quadratic
_MOST_OPEN = 4000
_FED_BYTES = 64 * 1024


def read_hypertext(body: bytes) -> Reading:
    """Return what is visible in a page in UTF-8. Raises `Refused`."""
    page = _Page()
    parser = etree.HTMLParser(target=page, encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        for begin in range(0, len(body), _FED_BYTES):
            parser.feed(body[begin : begin + _FED_BYTES])
        parser.close()
    except etree.LxmlError:
        raise Refused(Refusal.BROKEN) from None
    return Reading(page.outline.sections, page.hidden)


class _Page:
    """Takes libxml2's events. Every event costs a bounded amount of work, however deep the page is nested."""

    def __init__(self) -> None:
        self.outline = Outline()
        self.hidden = 0
        self._sheet = Sheet()
        self._open: list[tuple[str, bool, bool]] = []
        self._counts: Counter[str] = Counter()
        self._unseen = self._silent = self._kept = 0
        self._pieces: list[str] = []
        self._special: list[str] | None = None
        self._table: _Table | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = str(tag).lower()
        if tag in _BLOCKS or tag == "br":
            self._break(tag)
        if tag in _NEVER_CLOSED:
            return
        if len(self._open) >= _MOST_OPEN:
            raise Refused(Refusal.NESTED)
        # the title stands in the head, which is not shown itself
        silent = tag in _SILENT
        unseen = self._sheet.hides(tag, attributes) or (tag == "dialog" and "open" not in attributes)
        self._open.append((tag, silent, unseen))
        self._counts[tag] += 1
        self._silent += silent
        self._unseen += unseen
        self._kept += tag == "pre"
        if tag in ("style", "title"):
            self._special = []
        if tag == "li":
            self._pieces.append("- ")
        if tag == "table" and self._table is None and not self._unseen:
            self._table = _Table()

    def end(self, tag: str) -> None:
        tag = str(tag).lower()
        if not self._counts[tag]:
            return
        while self._open:
            name, silent, unseen = self._open.pop()
            self._close(name)
            self._counts[name] -= 1
            self._silent -= silent
            self._unseen -= unseen
            self._kept -= name == "pre"
            if name == tag:
                break

    def data(self, text: str) -> None:
        if self._special is not None:
            self._special.append(text)
        elif self._silent:
            pass
        elif self._unseen:
            self.hidden += len("".join(text.split()))
        else:
            self._pieces.append(text if self._kept else _spaced(text))

    def close(self) -> None:
        while self._open:
            self.end(self._open[-1][0])
        self._flush()

    def _close(self, tag: str) -> None:
        if tag in ("style", "title") and self._special is not None:
            text, self._special = "".join(self._special), None
            if tag == "style":
                self._sheet.learn(text)
            elif self._silent == 1 and not self.outline.sections:  # an image has titles too
                self.outline.heading(0, text)
        elif self._table and tag in ("td", "th"):
            self._table.cell(self._taken(), named=tag == "th")
        elif self._table and tag == "tr":
            self._table.end_row(self.outline)
        elif tag in _HEADINGS:
            self.outline.heading(_HEADINGS[tag], self._taken())
        elif tag in _BLOCKS:
            self._break(tag)
        if tag == "table" and not self._counts["table"] - 1:
            self._end_table()

    def _break(self, tag: str) -> None:
        if self._table and tag in _HEADINGS:
            self._end_table()  # a table with headings in it arranges the page: it holds no rows
        if self._table:
            self._pieces.append(" ")
        elif tag == "br" or (self._kept and tag != "pre"):
            self._pieces.append("\n")
        else:
            self._flush()

    def _end_table(self) -> None:
        if self._table:
            self._table.end_row(self.outline)
            self._table = None

    def _taken(self) -> str:
        text, self._pieces = "".join(self._pieces), []
        return text

    def _flush(self) -> None:
        text = self._taken()
        lines = [line.rstrip() if self._kept else " ".join(line.split()) for line in text.splitlines()]
        text = "\n".join(lines).strip("\n")
        if text.strip(" -\n"):
            self.outline.paragraph(text)


class _Table:
    """A table's rows; the first one gives the names when all of its cells are headings."""

    def __init__(self) -> None:
        self._names: list[str] | None = None
        self._row: list[tuple[str, bool]] = []

    def cell(self, text: str, *, named: bool) -> None:
        self._row.append((" ".join(text.split()), named))

    def end_row(self, outline: Outline) -> None:
        row, self._row = self._row, []
        if not row:
            return
        values = [text for text, _ in row]
        if self._names is None:
            self._names = values if all(named for _, named in row) and len(row) > 1 else []
            if self._names:
                return
        outline.row(self._names, values)


def _spaced(text: str) -> str:
    """Return text with its white space collapsed, as a browser shows it; a space at either end is kept."""
    words = " ".join(text.split())
    before = " " if text[:1].isspace() else ""
    return f"{before}{words} " if words and text[-1:].isspace() else before + words
