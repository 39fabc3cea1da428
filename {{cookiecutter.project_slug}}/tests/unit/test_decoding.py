"""Text is read in the encoding that it is in: by its mark, UTF-8, its declaration, or else a detector."""

import pytest

from chatbot.retrieval.parsing.decoding import NotText, decode_text

TEXTS = {
    "cp1252": ["Produkt;Größe;Preis\r\nTür;groß;120 €\r\n", "Das Büro öffnet um neun.", "L'été, le café ferme à 18 h. Où êtes-vous allés hier ?", "Café;Preis\nLatte;4 €"],
    "cp1250": ["Zażółć gęślą jaźń. Biuro otwiera się o dziewiątej."],
    "cp1251": ["Офис открывается в девять часов утра.", "Имя;Город\r\nМарта;Москва\r\n"],
    "cp1253": ["Το γραφείο ανοίγει στις εννέα το πρωί."],
    "cp1254": ["Ofis sabah dokuzda açılıyor. İzin günleri şöyle."],
    "cp1255": ["המשרד נפתח בתשע בבוקר."],
    "cp1256": ["يفتح المكتب في الساعة التاسعة صباحا."],
    "cp932": ["事務所は九時に開きます。", "名前,部屋\r\n田中,14\r\n"],
    "euc_jp": ["事務所は九時に開きます。今日は休みです。"],
    "gb18030": ["办公室九点开门。", "姓名,房间\r\n王伟,14\r\n"],
    "big5": ["辦公室九點開門。請準時到達。"],
    "cp949": ["사무실은 아홉 시에 엽니다."],
    "mac-roman": ["Nr;Bezeichnung;Büro\r00417;Schäkel, groß;Bodø\r00440;Kühlöl – 5 °C;Florø\r"],
}  # fmt: skip


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_an_encoding_that_is_not_said_is_found_and_named(encoding: str, text: str) -> None:
    decoded = decode_text(text.encode(encoding))
    assert (decoded.text, bool(decoded.assumed)) == (text, True)


def test_line_ends_of_mac_os_decide_only_where_the_detector_guesses() -> None:
    assert decode_text("Имя;Город\rМарта;Москва\r".encode("cp1251")).assumed == "cp1251"
    assert decode_text("Tür;groß\r\nÖl;120\r\n".encode("cp1252")).assumed == "cp1252"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-8"])
def test_a_mark_or_utf_8_needs_no_guess(encoding: str) -> None:
    decoded = decode_text("Name\tBüro 室\r\n".encode(encoding))
    assert (decoded.text, decoded.assumed) == ("Name\tBüro 室\r\n", "")


@pytest.mark.parametrize(
    ("label", "encoding"),
    [("windows-1252", "cp1252"), ("ISO-8859-1", "cp1252"), ("gb2312", "gb18030"), ("Shift_JIS", "cp932"), ("koi8-r", "koi8-r"), ("euc-kr", "cp949")],
)  # fmt: skip
def test_a_page_s_declaration_decides_as_browsers_read_it(label: str, encoding: str) -> None:
    words = {"cp932": "事務所", "gb18030": "办公室", "koi8-r": "Офис", "cp949": "사무실"}.get(encoding, "Büro €")
    for declaration in (
        f'<meta charset="{label}">',
        f"<META HTTP-EQUIV=x content='text/html; charset={label}'>",
        f'<?xml version="1.0" encoding="{label}"?>',
    ):
        page = f"{declaration}<p>{words}</p>".encode(encoding)
        decoded = decode_text(page, markup=True)
        assert words in decoded.text and decoded.assumed == ""


@pytest.mark.parametrize("label", ["rot13", "base64", "hex", "utf-7", "nonsense", "zlib", "unicode_escape\\", "idna"])
def test_a_declaration_that_is_no_encoding_of_letters_is_not_followed(label: str) -> None:
    assert (
        "öffnet"
        in decode_text(f'<meta charset="{label}"><p>Das Büro öffnet um neun.'.encode("cp1252"), markup=True).text
    )


@pytest.mark.parametrize("body", [b"a\0b\0\0\0c\0" * 3, bytes(range(256)) * 4 + b"\0" * 400])
def test_what_is_no_text_is_refused(body: bytes) -> None:
    with pytest.raises(NotText):
        decode_text(body)
