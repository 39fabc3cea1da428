"""A source document as LaTeX, for pdfTeX and LuaTeX."""

import re

from benchmarks.extraction.source import MARK, Heading, Paragraph, Source, Steps, Table, fill_grid

_ESCAPES = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$"} | {
    "²": r"\textsuperscript{2}"
}
_LONG, _WIDE = 40, 5
# TeX breaks no line between two ideographs by itself
_UNPARTED = re.compile("([\u3000-\u9fff\uac00-\ud7af，。、])(?=[\u3040-\u9fff\uac00-\ud7af])")
_SECTIONS = {1: "section", 2: "subsection", 3: "subsubsection"}
_FONTS = {
    # name of the file: letters by name in T1; Computer Modern with accents as letters of their own; bitmaps
    "pdftex": r"\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}\usepackage{lmodern}",
    "pdftex-ot1": r"\usepackage[utf8]{inputenc}",
    "pdftex-type3": r"\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}",
}
_CJK = r"\usepackage{fontspec}\setmainfont{wqy-zenhei.ttc}[Path=/usr/share/fonts/truetype/wqy/,FontIndex=0]"
_ARABIC = (
    r"\usepackage{fontspec}\usepackage[bidi=basic]{babel}\babelprovide[import,main]{arabic}"
    r"\babelfont{rm}{Noto Naskh Arabic}"
)


def to_tex(source: Source, kind: str) -> str:
    """Return a LaTeX document. `kind` is `luatex`, or an entry of `_FONTS`."""
    two = source.columns > 1
    fonts = _FONTS.get(kind) or {"zh": _CJK, "ar": _ARABIC}.get(
        source.language, r"\usepackage{fontspec}\setmainfont{Noto Serif}"
    )
    margins = "margin=2cm" if two else "left=4.5cm,right=4.5cm,top=3cm,bottom=3cm"
    lines = [
        rf"\documentclass[{'twocolumn,' if two else ''}a4paper,10pt]{{article}}{fonts}",
        r"\DeclareUnicodeCharacter{015B}{\'s}" if kind in _FONTS else "",
        # what spans two rows stands between them
        r"\usepackage{longtable,array}\newcommand{\between}[1]{\smash{\raisebox{-.6\normalbaselineskip}{#1}}}",
        rf"\usepackage[{margins}]{{geometry}}\begin{{document}}",
    ]
    for block in source.blocks:
        match block:
            case Heading():
                lines.append(rf"\{_SECTIONS[block.level]}*{{{_quote(source, block.text)}}}")
            case Paragraph():
                lines.append(_quote(source, block.text) + "\n")
            case Steps():
                lines.append(_enumerate([_quote(source, s) + _enumerate(list(inner)) for s, inner in block.items]))
            case Table():
                lines.append(_table(source, block))
    return "\n".join(lines) + "\n\\end{document}\n"


def _quote(source: Source, text: str) -> str:
    text = re.sub(r"[\\&%#_$²]", lambda found: _ESCAPES[found[0]], text)
    if source.language == "zh":
        text = _UNPARTED.sub(r"\1\\hskip0pt plus.2pt{}", text)
    return MARK.sub(lambda found: rf"\footnote{{{_quote(source, source.notes[found[1]])}}}", text)


def _enumerate(lines: list[str]) -> str:
    return r"\begin{enumerate}" + "".join(rf"\item {line}" + "\n" for line in lines) + r"\end{enumerate}"


def _table(source: Source, table: Table) -> str:
    width = len(table.names())
    size = r"\footnotesize " if source.columns > 1 or width > _WIDE else r"\small "
    head, body = _rows(source, table.head), _rows(source, table.body)
    if len(table.body) > _LONG:
        inner = rf"\begin{{longtable}}{{{'l' * width}}}\hline {head}\hline\endhead {body}\hline\end{{longtable}}"
        return f"{{{size}{inner}}}"
    return (
        rf"\begin{{table}}[h]{size}\setlength{{\tabcolsep}}{{4pt}}\caption{{{_quote(source, table.caption)}}}"
        rf"\begin{{tabular}}{{{'l' * width}}}\hline {head}\hline {body}\hline\end{{tabular}}\end{{table}}"
    )


def _rows(source: Source, rows: list[list[object]]) -> str:
    lines: list[str] = []
    for row in fill_grid(rows):
        cells: list[str] = []
        for slot in row:
            if slot.across:
                continue
            text = _quote(source, slot.text) if not slot.down else ""
            text = rf"\between{{{text}}}" if slot.rows > 1 and text else text
            cells.append(rf"\multicolumn{{{slot.columns}}}{{c}}{{{text}}}" if slot.columns > 1 else text)
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join(lines) + "\n"
