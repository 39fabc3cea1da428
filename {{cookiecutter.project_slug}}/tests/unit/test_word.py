"""A Word document becomes the text that its reader sees; a hostile package is refused before it is opened."""

import io
import zipfile
from typing import Any

import pytest
from docx.shared import Pt, RGBColor

from chatbot.retrieval.parsing.word.document import read_word
from chatbot.retrieval.refusal import Refusal, Refused
from tests.doubles.files import make_package, make_word, paragraph


def read(body: bytes) -> list[tuple[str, str]]:
    return [(section.title, section.text.strip()) for section in read_word(body).sections]


def visible(body: bytes) -> str:
    return "\n".join(text for _, text in read(body) if text)


def test_headings_lists_and_tables_are_kept() -> None:
    def fill(document: Any) -> None:
        document.add_heading("Handbook", 0)
        document.add_paragraph("Before.")
        document.add_heading("Keys", 1)
        document.add_paragraph("# Blue")
        document.add_heading("Deep", 3)
        document.add_paragraph("Item", style="List Bullet")
        table = document.add_table(3, 2, style="Table Grid")
        for cell, text in zip(table._cells, ["Name", "Room", "Ada", "blue", "Bo", ""], strict=True):
            cell.text = text

    assert read(make_word(fill)) == [
        ("Handbook", "Before."),
        ("Handbook › Keys", "# Blue"),
        ("Handbook › Keys › Deep", "- Item\n\nName: Ada; Room: blue\n\nName: Bo"),
    ]


def test_hidden_white_and_tiny_text_is_left_out_and_counted() -> None:
    def fill(document: Any) -> None:
        line = document.add_paragraph("seen ")
        line.add_run("1234").font.hidden = True
        line.add_run("5678").font.color.rgb = RGBColor(255, 255, 250)
        line.add_run("90").font.size = Pt(1)
        line.add_run("too")
        style = document.styles.add_style("Secret", 1)
        style.font.hidden = True
        below = document.styles.add_style("Below", 1)
        below.base_style = style
        document.add_paragraph("abc", style="Below")

    reading = read_word(make_word(fill))
    assert (reading.sections[0].text.strip(), reading.hidden) == ("seen too", 13)


def test_white_text_on_a_dark_cell_is_seen_and_dark_text_on_it_is_not() -> None:
    shade = '<w:shd w:val="clear" w:fill="1F2937"/>'
    cell = f"<w:tc><w:tcPr>{shade}</w:tcPr>%s</w:tc>"
    rows = paragraph("white", '<w:color w:val="FFFFFF"/>'), paragraph("dark", '<w:color w:val="1f2937"/>')
    table = f"<w:tbl><w:tr>{cell % rows[0]}{cell % rows[1]}</w:tr></w:tbl>"
    assert visible(make_package(table)) == "white"


@pytest.mark.parametrize(
    "properties",
    ["<w:vanish/>", '<w:vanish w:val="1"/>', "<w:webHidden/>", '<w:color w:val="FFFFFF"/>', '<w:sz w:val="2"/>', '<w:sz w:val="1"/>',
     '<w:color w:val="101010"/><w:shd w:fill="000000"/>'],
)  # fmt: skip
def test_each_way_to_hide_a_run_is_known(properties: str) -> None:
    assert visible(make_package(paragraph("no", properties) + paragraph("yes"))) == "yes"


@pytest.mark.parametrize(
    "properties", ['<w:vanish w:val="0"/>', '<w:color w:val="auto"/>', '<w:color w:val="C00000"/>', '<w:sz w:val="24"/>', '<w:sz w:val="x"/>',
                   '<w:color w:val="zz"/>']
)  # fmt: skip
def test_ordinary_runs_are_seen(properties: str) -> None:
    assert visible(make_package(paragraph("yes", properties))) == "yes"


def test_revisions_links_controls_and_boxes_are_read_as_they_are_shown() -> None:
    run = "<w:r><w:t>%s</w:t></w:r>"
    inside = (
        f"<w:p><w:ins>{run % 'in'}</w:ins><w:del><w:r><w:delText>out</w:delText></w:r></w:del>"
        f"<w:moveFrom>{run % 'away'}</w:moveFrom><w:hyperlink>{run % 'link'}</w:hyperlink>"
        "<w:r><w:instrText>CODE</w:instrText><w:tab/><w:t>end</w:t><w:br/></w:r></w:p>"
        f"<w:sdt><w:sdtContent>{paragraph('control')}</w:sdtContent></w:sdt>"
    )
    assert visible(make_package(inside)) == "inlink\tend\n\ncontrol"


def refusal_of(body: bytes) -> Refusal:
    with pytest.raises(Refused) as refused:
        read_word(body)
    return refused.value.reason


DTD = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
WHOLE = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>&b;</w:body></w:document>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_entities_are_refused_in_every_encoding(encoding: str) -> None:
    assert refusal_of(make_package((DTD + WHOLE).encode(encoding))) is Refusal.ENTITIES
    assert (
        refusal_of(make_package(paragraph("x"), {"word/styles.xml": (DTD + "<a/>").encode(encoding)}))
        is Refusal.ENTITIES
    )


@pytest.mark.parametrize(
    "more",
    [{"word/media/a.bin": b"\0" * 70_000_000}, {"x.xml": b" " * 30_000_000}, {f"{n}.xml": b"<a/>" for n in range(2001)}],
    ids=["total", "ratio", "members"],
)  # fmt: skip
def test_a_bomb_is_refused_before_it_is_unpacked(more: dict[str, bytes]) -> None:
    assert refusal_of(make_package(paragraph("x"), more)) is Refusal.BOMB


def test_a_member_larger_than_it_says_is_refused() -> None:
    big = b" " * 1_234_567
    body = make_package(paragraph("x"), {"word/styles.xml": big})
    lying = body.replace(len(big).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != body
    assert refusal_of(lying) is Refusal.BROKEN


def test_macros_and_encrypted_members_are_refused() -> None:
    assert refusal_of(make_package(paragraph("x"), {"word/vbaProject.bin": b"x"})) is Refusal.MACROS
    body = bytearray(make_package(paragraph("x")))
    for place in range(len(body)):
        if body[place : place + 4] == b"PK\x01\x02":
            body[place + 8] |= 1
    assert refusal_of(bytes(body)) is Refusal.ENCRYPTED


def test_a_damaged_package_is_refused() -> None:
    good = make_word(lambda document: document.add_paragraph("Text."))
    for length in (0, 4, 100, len(good) // 2, len(good) - 30):
        assert refusal_of(good[:length]) is Refusal.BROKEN
    assert refusal_of(make_package(b"<not-word/>")) is Refusal.NOT_WORD
    assert refusal_of(make_package(b"no markup")) is Refusal.BROKEN
    assert refusal_of(make_package("<w:p>" * 100_000)) is Refusal.BROKEN
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as package:
        package.writestr("word/document.xml", "<a/>")
    assert refusal_of(other.getvalue()) is Refusal.BROKEN


def test_nothing_outside_the_package_is_read(tmp_path: Any) -> None:
    (tmp_path / "secret.xml").write_text("<a>SECRET</a>")
    relation = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r9" TargetMode="External"'
        f' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes" Target="file://{tmp_path}/secret.xml"/></Relationships>'
    )
    assert visible(make_package(paragraph("x"), {"word/_rels/document.xml.rels": relation})) == "x"


def test_what_word_shows_of_an_alternative_is_read_and_nothing_else() -> None:
    marks = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    known = 'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    for needed, expected in (("wps", "new"), ("zz", "old"), ("", "old")):
        run = "<w:r><w:t>{}</w:t></w:r>"
        body = (
            f'<w:p><mc:AlternateContent {marks} {known}><mc:Choice Requires="{needed}">{run.format("new")}</mc:Choice>'
            f"<mc:Fallback>{run.format('old')}</mc:Fallback></mc:AlternateContent></w:p>"
        )
        assert visible(make_package(body)) == expected


@pytest.mark.parametrize("properties", ['<w:color w:val="000000"/><w:highlight w:val="black"/>', '<w:sz w:val="1pt"/>'])
def test_text_in_its_marker_s_colour_or_a_point_high_is_left_out(properties: str) -> None:
    assert read_word(make_package(paragraph("HID", properties) + paragraph("x"))).hidden == 3
