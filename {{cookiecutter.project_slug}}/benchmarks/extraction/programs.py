"""Producers that are programs: pandoc, pdfTeX, LuaTeX, LibreOffice, Chromium. And Word's files, written by hand."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.extraction.markup import to_html, to_markdown
from benchmarks.extraction.producer import Corpus, need, run
from benchmarks.extraction.source import Source
from benchmarks.extraction.tex import to_tex
from benchmarks.extraction.word import quirks, to_strict, to_word

_HANDBOOK, _LONG, _SMALL, _TWO_COLUMNS = "handbook", "longtable", "mini", "article"
_PDF, _WRITER_HTML = "pdf:writer_pdf_Export", "HTML (StarWriter)"
_TAGGED_PDF = _PDF + ':{"UseTaggedPDF":{"type":"boolean","value":"true"}}'


def make_word(corpus: Corpus) -> None:
    """Word's quirks by hand, in both kinds of Office Open XML."""
    made = {source.name: to_word(source) for source in corpus.documents} | {"wordquirks": quirks()}
    for name, body in made.items():
        corpus.place(name, "word.docx").write_bytes(body)
        corpus.place(name, "word-strict.docx").write_bytes(to_strict(body))


def make_pandoc(corpus: Corpus) -> None:
    """Pandoc's Word, HTML and Markdown files, from Markdown and from HTML."""
    need("pandoc")
    for source in corpus.documents:
        with TemporaryDirectory() as folder:
            given = Path(folder) / "source.md"
            given.write_text(to_markdown(source), encoding="utf-8")
            run("pandoc", given, *_metadata(source), "-o", corpus.place(source.name, "pandoc.docx"))
            run("pandoc", given, *_metadata(source), "-s", "-o", corpus.place(source.name, "pandoc.html"))
            pipes = "markdown-grid_tables-simple_tables-multiline_tables"
            run("pandoc", given, "-t", pipes, "-o", corpus.place(source.name, "pandoc-pipe.md"))
            run("pandoc", given, "-t", "gfm", "-o", corpus.place(source.name, "pandoc-gfm.md"))
            run("pandoc", given, "-t", "plain", "-o", corpus.place(source.name, "pandoc.txt"))
            page = Path(folder) / "source.html"
            page.write_text(to_html(source), encoding="utf-8")
            run("pandoc", page, "-o", corpus.place(source.name, "pandoc-from-html.docx"))
            run("pandoc", page, "-s", "-o", corpus.place(source.name, "pandoc-from-html.html"))


def _metadata(source: Source) -> list[str]:
    given = [f"lang={source.language}", f"pagetitle={source.title}", *(["dir=rtl"] if source.from_right else [])]
    return [part for entry in given for part in ("--metadata", entry)]


def make_pandoc_pdf(corpus: Corpus) -> None:
    """Pandoc's PDF files, through pdfTeX."""
    need("pandoc", "pdflatex")
    for source in corpus.latin:
        with TemporaryDirectory() as folder:
            given = Path(folder) / "source.md"
            given.write_text(to_markdown(source), encoding="utf-8")
            target = corpus.place(source.name, "pandoc-pdftex.pdf")
            run("pandoc", given, "--pdf-engine=pdflatex", "-V", "geometry:margin=3cm", "-o", target)


def make_pdftex(corpus: Corpus) -> None:
    """PDF by pdfTeX: names of letters in the fonts; accents drawn as letters of their own; bitmap fonts."""
    need("pdflatex")
    for source in corpus.latin:
        _typeset(corpus, source, "pdflatex", "pdftex")
    for name in (_HANDBOOK, _TWO_COLUMNS):
        _typeset(corpus, corpus.sources[name], "pdflatex", "pdftex-ot1")


def make_bitmap_fonts(corpus: Corpus) -> None:
    """PDF by pdfTeX without outline fonts."""
    need("pdflatex", "mf-nowin")
    _typeset(corpus, corpus.sources[_HANDBOOK], "pdflatex", "pdftex-type3")


def make_luatex(corpus: Corpus) -> None:
    """PDF by LuaTeX, with TrueType fonts."""
    need("lualatex", fonts=("serif", "zh", "ar"))
    for source in corpus.documents:
        _typeset(corpus, source, "lualatex", "luatex")


def _typeset(corpus: Corpus, source: Source, program: str, kind: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "source.tex").write_text(to_tex(source, kind), encoding="utf-8")
        caches = {"TEXMFVAR": str(corpus.folder / "tex"), "VARTEXFONTS": str(corpus.folder / "tex" / "fonts")}
        for _ in range(2):  # a long table's widths are known on the second run
            run(program, "-interaction=nonstopmode", "-halt-on-error", "source.tex", folder=Path(folder), **caches)
        shutil.copy(Path(folder) / "source.pdf", corpus.place(source.name, f"{kind}.pdf"))


def make_libreoffice(corpus: Corpus) -> None:
    """LibreOffice's PDF, Word and HTML files, from a text document of its own; and the PDF of a Word document."""
    need("soffice")
    for source in corpus.documents:
        with TemporaryDirectory() as folder:
            given, own = Path(folder) / "source.html", Path(folder) / "source.odt"
            given.write_text(to_html(source, notes="writer"), encoding="utf-8")
            convert(corpus, given, "odt:writer8", own, reads=_WRITER_HTML)
            convert(corpus, own, _PDF, corpus.place(source.name, "libreoffice.pdf"))
            convert(corpus, own, "docx:MS Word 2007 XML", corpus.place(source.name, "libreoffice.docx"))
            convert(corpus, own, f"html:{_WRITER_HTML}", corpus.place(source.name, "libreoffice.html"))
            word = Path(folder) / "word.docx"
            word.write_bytes(to_word(source))
            convert(corpus, word, _TAGGED_PDF, corpus.place(source.name, "libreoffice-from-word.pdf"))


def convert(corpus: Corpus, given: Path, to: str, target: Path, reads: str = "") -> None:
    """Have LibreOffice convert a file. `reads` names the filter with which it is opened."""
    profile = (corpus.folder / "libreoffice").resolve().as_uri()
    with TemporaryDirectory() as folder:
        options = [f"-env:UserInstallation={profile}", "--headless", "--norestore"]
        options += [f"--infilter={reads}"] if reads else []
        run("soffice", *options, "--convert-to", to, "--outdir", folder, given)
        found = sorted(Path(folder).glob(f"*{target.suffix}"))
        if not found:
            raise RuntimeError(f"LibreOffice wrote no {target.suffix} of {given.name}")
        shutil.move(found[0], target)


def make_chromium(corpus: Corpus) -> None:
    """What Chromium prints: usual pages; heads that are not bold; tables without lines."""
    need("chromium")
    for source in corpus.documents:
        _print(corpus, source, "light" if source.name == _SMALL else "print", "chromium")
    for name in (_HANDBOOK, _LONG):
        _print(corpus, corpus.sources[name], "borderless", "chromium-borderless")


def _print(corpus: Corpus, source: Source, style: str, name: str) -> None:
    with TemporaryDirectory() as folder:
        page, target = Path(folder) / "source.html", Path(folder) / "source.pdf"
        page.write_text(to_html(source, style), encoding="utf-8")
        bare = [] if style == "print" else ["--no-pdf-header-footer"]
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", *bare]
        run("chromium", *options, f"--print-to-pdf={target}", page.as_uri())
        shutil.copy(target, corpus.place(source.name, f"{name}.pdf"))
