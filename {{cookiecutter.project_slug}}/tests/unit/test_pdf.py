"""A PDF becomes the text that its reader sees, page by page; a hostile one is refused."""

import io
import time

import pytest
from pypdf import PdfReader, PdfWriter

from chatbot.core.errors import Unprocessable
from chatbot.retrieval.confined import read_confined
from chatbot.retrieval.parsing.pdf.document import read_pdf
from chatbot.retrieval.refusal import Refusal, Refused
from tests.doubles.files import make_pdf, make_stream, shown


def visible(body: bytes) -> str:
    return "\n".join(section.text.strip() for section in read_pdf(body).sections if section.text.strip())


def refusal_of(body: bytes) -> Refusal:
    with pytest.raises(Refused) as refused:
        read_pdf(body)
    return refused.value.reason


def test_each_page_is_a_section() -> None:
    sections = read_pdf(make_pdf(shown("One."), b"", shown("Three."), packed=True)).sections
    assert [(section.title, section.text.strip()) for section in sections] == [
        ("Page 1", "One."),
        ("Page 2", ""),
        ("Page 3", "Three."),
    ]


def test_lines_of_a_paragraph_are_joined() -> None:
    assert (
        visible(make_pdf(b"BT /F1 12 Tf 14 TL 50 700 Td (a) Tj (b) ' 1 0 (c) \" T* [(d) -500 (e)] TJ ET"))
        == "a b c d e"
    )


HIDDEN = {
    "mode 3": shown("HID", before="3 Tr"),
    "mode 7": shown("HID", before="7 Tr"),
    "mode among others": shown("HID", before="0 3 Tr"),
    "tiny font": shown("HID", size=0.5),
    "tiny matrix": b"BT /F1 12 Tf 0.01 0 0 0.01 50 700 Tm (HID) Tj ET",
    "tiny page": b"q 0.01 0 0 0.01 0 0 cm BT /F1 12 Tf 50 700 Td (HID) Tj ET Q",
    "left": shown("HID", x=-500),
    "right": shown("HID", x=700),
    "above": shown("HID", y=900),
    "below": shown("HID", y=-100),
    "white": shown("HID", before="1 g"),
    "white rgb": shown("HID", before="1 1 1 rg"),
    "nearly white": shown("HID", before="0.97 0.98 0.99 rg"),
    "white cmyk": shown("HID", before="0 0 0 0 k"),
    "white by space": shown("HID", before="/DeviceRGB cs 1 1 1 scn"),
    "white elsewhere on black": b"0 g 0 0 50 50 re f " + shown("HID", before="1 g"),
    "white on white": b"1 g 40 690 100 40 re f " + shown("HID", before="1 g"),
    "white on nothing": b"40 690 100 40 re n " + shown("HID", before="1 g"),
    "next line": b"BT /F1 12 Tf 14 TL 50 700 Td 3 Tr (HID) ' 0 Tr ET",
    "pieces": b"BT /F1 12 Tf 50 700 Td 3 Tr [(HI) -20 (D)] TJ 0 Tr ET",
    "restored": b"3 Tr q 0 Tr Q BT /F1 12 Tf 50 700 Td (HID) Tj ET 0 Tr",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_text_without_ink_is_left_out_and_counted(name: str) -> None:
    page = shown("Seen.", y=600, before="0 g 0 Tr") + HIDDEN[name] + b"\n" + shown("Too.", y=500, before="0 g 0 Tr")
    reading = read_pdf(make_pdf(page))
    assert ("".join(reading.sections[0].text.split()), reading.hidden) == ("Seen.Too.", 3)


SEEN = {
    "stroked": shown("SEEN", before="1 Tr 1 g"),
    "scaled": b"BT /F1 1 Tf 12 0 0 12 50 700 Tm (SEEN) Tj ET",
    "white on black": b"0 g 40 690 100 40 re f " + shown("SEEN", before="1 g"),
    "white on a path": b"0.2 g 40 690 m 200 690 l 200 730 l 40 730 l h f " + shown("SEEN", before="1 g"),
    "white on a scaled box": b"q 2 0 0 2 0 0 cm 0 g 20 345 50 20 re f Q " + shown("SEEN", before="1 g"),
    "white on a shading": b"/S1 sh " + shown("SEEN", before="1 g"),
    "colour": shown("SEEN", before="1 0.9 0 rg"),
    "unknown space": shown("SEEN", before="/Spot cs 1 scn"),
    "turned": b"BT /F1 12 Tf 0 1 -1 0 50 -5 Tm (SEEN) Tj ET",
    "over the left edge": shown("SEEN and seen and seen", x=-5),
    "malformed before": b"/X Tr Q Q EMC 1 " + shown("SEEN"),
}


# a shading from dark to dark, and a spot colour that is dark at its full strength
SPACES = (
    b"/Shading<</S1<</ShadingType 2/ColorSpace/DeviceGray/Coords[0 0 600 0]/Extend[true true]"
    b"/Function<</FunctionType 2/Domain[0 1]/C0[0.2]/C1[0.3]/N 1>>>>>>"
    b"/ColorSpace<</Spot[/Separation/Ink/DeviceGray<</FunctionType 2/Domain[0 1]/C0[1]/C1[0.1]/N 1>>]>>"
)


@pytest.mark.parametrize("name", SEEN)
def test_text_with_ink_is_kept(name: str) -> None:
    reading = read_pdf(make_pdf(SEEN[name], resources=SPACES))
    assert ("SEEN" in reading.sections[0].text, reading.hidden) == (True, 0)


def test_transparent_text_and_layers_that_are_off_are_left_out() -> None:
    page = (
        shown("CLEAR", before="/G1 gs")
        + b"/OC /L1 BDC "
        + shown("OFF", y=600)
        + b"EMC /OC /L2 BDC "
        + shown("On", y=500)
        + b"EMC"
    )
    body = make_pdf(
        page,
        resources=b"/ExtGState<</G1<</ca 0>>>>/Properties<</L1 4 0 R/L2 5 0 R>>",
        catalog=b"/OCProperties<</OCGs[4 0 R 5 0 R]/D<</OFF[4 0 R]>>>>",
        more=(b"<</Type/OCG/Name(one)>>", b"<</Type/OCG/Name(two)>>"),
    )
    reading = read_pdf(body)
    assert (reading.sections[0].text.strip(), reading.hidden) == ("On", 8)


def test_the_state_reaches_into_a_form_and_ends_with_it() -> None:
    inner = b"BT /F1 12 Tf 5 5 Td (inner) Tj ET 3 Tr"
    entries = b"/Type/XObject/Subtype/Form/BBox[0 0 100 100]/Matrix[1 0 0 1 0 0]/Resources<</Font<</F1 3 0 R>>>>"
    body = make_pdf(
        b"q 3 Tr /X1 Do Q " + shown("after") + b"q 1 0 0 1 50 600 cm /X1 Do Q q 1 0 0 1 50 5000 cm /X1 Do Q",
        resources=b"/XObject<</X1 4 0 R>>",
        more=(make_stream(inner, entries),),
    )
    reading = read_pdf(body)
    assert ("".join(reading.sections[0].text.split()), reading.hidden) == ("afterinner", 10)


def test_scripts_metadata_and_comments_are_no_text() -> None:
    catalog = b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>/Metadata 4 0 R"
    body = make_pdf(shown("Seen."), catalog=catalog, more=(make_stream(b"<x>META</x>", b"/Type/Metadata/Subtype/XML"),))
    assert visible(body) == "Seen."


def test_a_file_that_needs_a_password_is_refused_and_one_locked_for_changes_is_read() -> None:
    for password in ("secret", ""):
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf(shown("x")))))
        writer.encrypt(password, "owner", algorithm="RC4-128")
        body = io.BytesIO()
        writer.write(body)
        if password:
            assert refusal_of(body.getvalue()) is Refusal.ENCRYPTED
        else:
            assert visible(body.getvalue()) == "x"


def test_too_many_pages_are_refused() -> None:
    assert refusal_of(make_pdf(*[b""] * 501)) is Refusal.PAGES
    assert len(read_pdf(make_pdf(*[b""] * 500)).sections) == 500


def test_a_stream_that_unpacks_without_end_ends_the_process_and_no_other() -> None:
    with pytest.raises(Unprocessable, match="too long or too much memory"):
        read_confined("application/pdf", make_pdf(b"q " * 600_000_000, packed=True))


GOOD = make_pdf(shown("Text."))


@pytest.mark.parametrize(
    "body",
    [b"%PDF-1.7", b"%PDF-1.7\n" + b"\xff" * 1000, GOOD[:120], b"%PDF-1.7\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF",
     GOOD.replace(b"/Kids[4 0 R]", b"/Kids[2 0 R]"), GOOD.replace(b"/Pages 2 0 R", b"/Pages 1 0 R"), b"%PDF-1.7\n" + b"[" * 100_000],
    ids=range(7),
)  # fmt: skip
def test_a_damaged_file_costs_nothing_and_gives_nothing(body: bytes) -> None:
    begun = time.process_time()
    try:
        assert not any(section.text.strip() for section in read_pdf(body).sections)
    except Refused as refused:
        assert refused.reason is Refusal.BROKEN
    assert time.process_time() - begun < 10


@pytest.mark.parametrize(
    "drawing",
    [
        b"BT /F2 12 Tf 50 700 Td (HID) Tj ET 1 g 40 690 100 40 re f",
        b"q 0 0 1 1 re W n BT /F2 12 Tf 50 700 Td (HID) Tj ET Q",
        b"/OC /L1 BDC BT /F2 12 Tf 50 700 Td (HID) Tj ET EMC",
    ],
    ids=["covered", "clipped", "layer"],
)
def test_a_font_that_is_not_in_the_file_hides_nothing(drawing: bytes) -> None:
    body = make_pdf(
        b"BT /F2 12 Tf 50 600 Td (Seen) Tj ET " + drawing,
        resources=b"/F2<</Type/Font/Subtype/TrueType/BaseFont/Foo/Encoding/WinAnsiEncoding>>>>/Properties<</L1 4 0 R",
        catalog=b"/OCProperties<</OCGs[4 0 R]/D<</OFF[4 0 R]>>>>",
        more=(b"<</Type/OCG/Name(one)>>",),
    )
    reading = read_pdf(body.replace(b"/Font<</F1 3 0 R>>/F2", b"/Font<</F1 3 0 R/F2"))
    assert ("HID" in reading.sections[0].text, "Seen" in reading.sections[0].text) == (False, True)
