"""A source document as HTML, for browsers and office programs, and as Markdown."""

import re
from html import escape

from benchmarks.extraction.source import (
    MARK,
    Heading,
    Paragraph,
    Source,
    Steps,
    Table,
    fill_grid,
    read_cell,
)

_BORDERS = "table{border-collapse:collapse} td,th{border:1px solid #555;padding:2px 6px}"
_FONTS = "'Noto Naskh Arabic','Droid Sans Fallback'"
STYLES = {
    "plain": "",
    "print": f"body{{font:11pt 'Noto Serif',{_FONTS},serif;hyphens:auto;text-align:justify}} {_BORDERS}"
    " .columns{column-count:2} tr{break-inside:avoid}",
    "light": f"body{{font:11pt 'Noto Serif'}} h1,h2,th{{font-weight:normal}} {_BORDERS}",
    "borderless": f"body{{font:10pt 'Noto Sans',{_FONTS},sans-serif}} td,th{{padding:2px 10px;text-align:left}}"
    " .columns{column-count:2}",
    "paged": "@page{size:A4;margin:2cm;@bottom-center{content:'Page ' counter(page) ' of ' counter(pages)}}"
    f" body{{font:10.5pt 'Noto Serif',{_FONTS};hyphens:auto;text-align:justify}} .columns{{columns:2}}"
    " table{border-collapse:collapse} td,th{border:.5pt solid #555;padding:2pt 5pt;hyphens:manual}"
    " .note{float:footnote;font-size:8pt} thead{display:table-header-group}",
}
# where a footnote's text stands: below everything; at the foot of its page; where LibreOffice makes a footnote of it
_MARKS = {
    "end": '<sup><a href="#note{0}" id="mark{0}">{0}</a></sup>',
    "page": '<span class="note">{1}</span>',
    "writer": '<a class="sdfootnoteanc" name="sdfootnote{0}anc" href="#sdfootnote{0}sym"><sup>{0}</sup></a>',
}
_NOTES = {
    "end": '<p id="note{0}"><sup>{0}</sup> {1}</p>',
    "page": "",
    "writer": '<div id="sdfootnote{0}"><p class="sdfootnote"><a class="sdfootnotesym" name="sdfootnote{0}sym"'
    ' href="#sdfootnote{0}anc">{0}</a> {1}</p></div>',
}


def to_html(source: Source, style: str = "plain", notes: str = "end") -> str:
    """Return a page. `style` names an entry of `STYLES`, `notes` where the footnotes stand."""
    direction = " dir=rtl" if source.from_right else ""
    lines = [
        f'<!DOCTYPE html>\n<html lang="{source.language}"{direction}>\n<head>\n<meta charset="utf-8">',
        f"<title>{escape(source.title)}</title>\n<style>{STYLES[style]}</style>\n</head>\n<body>",
        '<div class="columns">' if source.columns > 1 else "<div>",
    ]
    for block in source.blocks:
        match block:
            case Heading():
                lines.append(f"<h{block.level}>{escape(block.text)}</h{block.level}>")
            case Paragraph():
                language = f' lang="{block.language}"' if block.language else ""
                lines.append(f"<p{language}>{_mark_notes(source, block, notes)}</p>")
            case Steps():
                lines.append("<ol>" + "".join(map(_html_step, block.items)) + "</ol>")
            case Table():
                lines.append(_html_table(block, ruled=style == "plain"))
    lines.append("</div>")
    lines += [_NOTES[notes].format(number, escape(text)) for number, text in source.notes.items()]
    return "\n".join([*lines, "</body>\n</html>\n"])


def _mark_notes(source: Source, paragraph: Paragraph, notes: str) -> str:
    return MARK.sub(
        lambda found: _MARKS[notes].format(found[1], escape(source.notes[found[1]])), escape(paragraph.text)
    )


def _html_step(item: tuple[str, list[str]]) -> str:
    inner = "".join(f"<li>{escape(line)}</li>" for line in item[1])
    return f'<li>{escape(item[0])}<ol type="a">{inner}</ol></li>'


def _html_table(table: Table, *, ruled: bool) -> str:
    def rows(given: list[list[object]], tag: str) -> str:
        return "\n".join("<tr>" + "".join(_html_cell(cell, tag) for cell in row) + "</tr>" for row in given)

    return (
        f"<table{' border=1' if ruled else ''}>\n<caption>{escape(table.caption)}</caption>\n"
        f"<thead>\n{rows(table.head, 'th')}\n</thead>\n<tbody>\n{rows(table.body, 'td')}\n</tbody>\n</table>"
    )


def _html_cell(cell: object, tag: str) -> str:
    text, rows, columns = read_cell(cell)
    spans = (f" rowspan={rows}" if rows > 1 else "") + (f" colspan={columns}" if columns > 1 else "")
    return f"<{tag}{spans}>{escape(text)}</{tag}>"


def to_markdown(source: Source) -> str:
    """Return Markdown with pipe tables: heads of two levels in one line, merged cells repeated."""
    parts: list[str] = []
    for block in source.blocks:
        match block:
            case Heading():
                parts.append("#" * block.level + f" {block.text}")
            case Paragraph():
                parts.append(block.text)
            case Steps():
                parts.append("\n".join(_markdown_step(number, *item) for number, item in enumerate(block.items, 1)))
            case Table():
                parts.append(_markdown_table(block))
    parts += [f"[^{number}]: {text}" for number, text in source.notes.items()]
    return "\n\n".join(parts) + "\n"


def _markdown_step(number: int, step: str, inner: list[str]) -> str:
    return "\n".join(
        [f"{number}. {step}", *(f"    {letter}. {line}" for letter, line in zip("abcdef", inner, strict=False))]
    )


def _markdown_table(table: Table) -> str:
    names = [" / ".join(column) for column in table.names()]
    # pandoc takes the columns' widths from the dashes
    rows = [names, ["-" * max(3, len(name)) for name in names]]
    rows += [[re.sub(r"\s+", " ", slot.text) for slot in row] for row in fill_grid(table.body)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\n: {table.caption}"
