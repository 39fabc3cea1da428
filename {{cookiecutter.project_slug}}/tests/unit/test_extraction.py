"""What of a file becomes text, and which file is taken at all."""

import pytest

from chatbot.core.errors import Problem, TooLarge, Unprocessable, WrongMediaType
from chatbot.retrieval.extraction import extract_text
from chatbot.retrieval.reading import read_document
from tests.doubles.files import WORD, make_package, make_pdf, paragraph, shown


def text_of(media_type: str, body: str) -> str:
    return "\n".join(section.text for section in extract_text(media_type, body.encode()).sections)


def test_rows_become_paragraphs_whatever_parts_them() -> None:
    for mark in ",;\t|":
        body = f"name{mark}age\nAda{mark}36\nBo{mark}7{mark}x\n"
        assert text_of("text/csv", body).strip() == "name: Ada; age: 36\n\nname: Bo; age: 7; more: x"
    assert text_of("text/csv", "only,names").strip() == "only, names"


def test_text_is_left_as_it_is() -> None:
    assert text_of("text/plain", "<b>x</b>\r\n# y") == "<b>x</b>\n# y"


def test_markdown_is_read_by_its_headings() -> None:
    sections = extract_text("text/markdown", b"\xef\xbb\xbf# A\n\nx\n\n## B\n\ny").sections
    assert [(section.title, section.text.strip()) for section in sections] == [("A", "x"), ("A › B", "y")]


TAGS = "".join(chr(0xE0000 + ord(character)) for character in "ignore")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/plain", f"a{TAGS}b\u202e"),
        ("text/markdown", f"a{TAGS}b\u200b"),
        ("text/html", f"<p>a{TAGS}b&#x200b;</p>"),
        ("text/html", f"<h1>{TAGS}</h1>ab<i hidden>x</i>"),
        (WORD, make_package(paragraph(f"a{TAGS}b\u2066"))),
    ],
)
def test_characters_that_nobody_sees_are_left_out_and_counted(media_type: str, body: str | bytes) -> None:
    reading = extract_text(media_type, body.encode() if isinstance(body, str) else body)
    assert "".join(section.title + section.text for section in reading.sections).strip() == "ab"
    assert reading.hidden == 7


PDF = make_pdf(shown("x"))


@pytest.mark.parametrize(
    ("name", "body", "media_type"),
    [
        ("a.md", b"x", "text/markdown"),
        ("a.TXT", "é".encode(), "text/plain"),
        ("a.csv", b"a,b", "text/csv"),
        ("a.html", b"\xef\xbb\xbf<p>x", "text/html"),
        ("a.html", "<p>x".encode("utf-16"), "text/html"),
        ("a.html", "<p>x".encode("utf-16-le"), "text/html"),
        ("a.html", "<p>é".encode("latin-1"), "text/html"),
        ("a.tsv", b"a\tb\x1a", "text/csv"),
        ("a.HTM", b"<p>x", "text/html"),
        ("a.pdf", PDF, "application/pdf"),
        ("a.pdf", b"\n\n" + PDF, "application/pdf"),
        ("a.docx", make_package(paragraph("x")), WORD),
    ],
)
def test_a_file_is_kept_byte_for_byte_as_what_it_is(name: str, body: bytes, media_type: str) -> None:
    document = read_document(name, body, shared=False)
    assert (document.media_type, document.body) == (media_type, body)


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("a.pdf", b"<p>x", WrongMediaType),
        ("a.pdf", b" " * 2000 + PDF, WrongMediaType),
        ("a.docx", PDF, WrongMediaType),
        ("a.docx", b"PK\x03\x04" + b"x" * 100, WrongMediaType),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, WrongMediaType),
        ("a.html", b"plain", WrongMediaType),
        ("a.html", PDF + b"\0", WrongMediaType),
        ("a.html", b"<p>\x01", WrongMediaType),
        ("a.html", "<p>é\x01".encode("latin-1"), WrongMediaType),
        ("a.txt", make_package(paragraph("x")), WrongMediaType),
        ("a.doc", b"x", WrongMediaType),
        ("a.docm", make_package(paragraph("x")), WrongMediaType),
        ("pdf", PDF, WrongMediaType),
        ("a.html", b"<" * (2 * 1024 * 1024 + 1), TooLarge),
        ("a.md", b"x" * (2 * 1024 * 1024 + 1), TooLarge),
        ("a.docx", b"PK\x03\x04" * (2 * 1024 * 1024 + 1), TooLarge),
        ("a.pdf", b"", Unprocessable),
        ("a.md", "\u200b\ufeff".encode(), Unprocessable),
    ],
    ids=range(18),
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, body: bytes, problem: type[Problem]) -> None:
    with pytest.raises(problem) as refused:
        read_document(name, body, shared=False)
    assert len(refused.value.detail) > 15


@pytest.mark.parametrize("rows", [50, 400, 5400])
def test_a_table_does_not_grow_by_its_columns_names(rows: int) -> None:
    """A name stands before each of its values: long names and many rows would fill the memory."""
    header = ",".join("n" * 9990 for _ in range(100))
    row = ",".join("1" for _ in range(100))
    body = "\n".join([header, *[row] * rows]).encode()
    try:
        reading = extract_text("text/csv", body)
    except Unprocessable as refusal:
        assert "too long" in refusal.detail
    else:
        assert sum(len(section.text) for section in reading.sections) < 2 * len(body)
