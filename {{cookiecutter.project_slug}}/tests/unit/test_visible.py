"""The sanitiser: what nobody sees is removed, in every alphabet; what writing needs stays."""

import random
import unicodedata

import pytest

from chatbot.core import visible
from chatbot.core.visible import VisibleStream, read_visible, visible_json, visible_line, visible_text
from tests.doubles.hidden import ALPHABETS, EVERY, HIDDEN, LINE_ENDS, SECRET, SPACES, is_any_hidden, write

COVER = "The office opens at nine, and the quokka's allowance is 40 leaves a day. "
# with what stands in the text as the writing needs it; each is written so by people
WRITTEN = {
    "Persian": "می\u200cخواهم کتاب\u200cها را بخوانم؛ نمی\u200cدانم خانه\u200cام کجاست.",
    "Persian abbreviation": "سال ۱۴۰۲ ه\u200d.ش.",
    "Hindi": "शक्\u200dति, क्\u200cष और क्\u200dष",
    "Marathi eyelash": "र्\u200dया",
    "Bengali": "র\u200d্যাব",
    "Malayalam old chillu": "അവന്\u200d വന്നു. ഞാന്\u200d",
    "Sinhala": "ශ්\u200dරී ලංකාව, ක්\u200dෂේත්\u200dර",
    "Kannada": "ರ\u200d್ಕ",
    "Arabic": "مرحبًا بالعالم! السعر ١٢٣ ريال",
    "Hebrew": "שלום עולם!",
    "Hebrew with a mark": "הוא כותב ב-C++\u200f ואומר: שלום!\u200f",
    "a sign after Arabic": "السعر 5$\u200f فقط",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ\u202fᠤᠨ ᠦᠵᠡ᠊ᠨ\u180eᠠ ᠡᠨ\u180bᠡ",
    "Japanese names": "葛\U000e0100城市の渡邉\U000e0101さん、辻\U000e0100さん",
    "a family": "👨\u200d👩\u200d👧\u200d👦 and 👩🏽\u200d🚀",
    "a heart": "👩\u200d❤\ufe0f\u200d💋\u200d👨 ❤\ufe0f ❤\ufe0f\u200d🔥",
    "flags": "🏳\ufe0f\u200d🌈 🏳\ufe0f\u200d⚧\ufe0f 🏴\u200d☠\ufe0f 🇩🇪 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "keycaps": "1\ufe0f\u20e3 #\ufe0f\u20e3 *\ufe0f\u20e3",
    "signs": "☺\ufe0f ©\ufe0f ⌚\ufe0e 🕵🏻\u200d♂\ufe0f 👁\ufe0f\u200d🗨\ufe0f",
    "Korean, Thai, Khmer, Burmese": "한국어 ภาษาไทย ភាសាខ្មែរ မြန်မာဘာသာ",
    "accents": "Å é e\u0301 ﬁ ½ ¿Qué? Grüße 東京",
    "Arabic number sign": "\u0600١٢\u06dd",
    "young": "\U0001fae8\U0001fadf\U00031350",
    "code": "def f(x):\n    return x\n\tif x:\n",
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_what_writing_needs_stays(name: str) -> None:
    assert read_visible(WRITTEN[name]) == (WRITTEN[name], 0)
    assert read_visible(f"Before. {WRITTEN[name]} After.") == (f"Before. {WRITTEN[name]} After.", 0)


def test_the_short_cut_for_plain_text_changes_nothing() -> None:
    plain = [character for character in map(chr, range(0x110000)) if visible._PLAIN.fullmatch(character)]
    assert len(plain) > 30_000
    for character in plain:
        for text in (character, f" {character}  {character} "):
            stream = VisibleStream()
            assert (stream.feed(text) + stream.finish(), stream.hidden) == (text, 0), hex(ord(character))
        assert not unicodedata.combining(character)
    hidden = {*EVERY, *"".join((*SPACES.values(), *LINE_ENDS.values())), *"\t\r\0\x7f\u05d0\u0627\u0301"} - {" "}
    for other in hidden:
        assert not visible._PLAIN.fullmatch(f"a{other}b"), hex(ord(other[0]))


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_hidden_is_left_wherever_it_stands(name: str) -> None:
    hidden = HIDDEN[name]
    assert read_visible(hidden) == ("", len(hidden))
    for before, after in (("a", "b"), (COVER, ""), ("", COVER), ("1", "2"), ("\n", "\n"), ("カ", "ナ"), ("я", "я")):
        assert read_visible(before + hidden + after) == (before + after, len(hidden)), (before, after)


@pytest.mark.parametrize(
    ("name", "cover"),
    [
        (name, cover)
        for name in ALPHABETS
        for cover in ("latin", "cyrillic", "digits", "emoji")
        # such emoji are written with them
        if cover != "emoji" or name not in ("tags", "colour and text")
    ],
)
def test_a_secret_between_the_letters_of_a_text_is_gone(name: str, cover: str) -> None:
    """One hidden character after each visible one: the pattern of text steganography."""
    letters = {"latin": COVER, "cyrillic": "Съешь ещё этих булок", "digits": "3141592653", "emoji": "😀🙂⌚🌧🌨"}[cover]
    for seed in range(20):
        chance = random.Random(seed)
        hidden = [chance.choice(ALPHABETS[name]) for _ in letters]
        told = "".join(letter + mark for letter, mark in zip(letters, hidden, strict=True))
        kept = {"\ufe0f", "\ufe0e"} if cover == "emoji" else set()
        assert [c for c in visible_text(told) if c not in letters and c not in kept] == []


@pytest.mark.parametrize("name", SPACES)
def test_a_secret_in_the_choice_of_spaces_is_gone(name: str) -> None:
    words = iter(COVER.split() * 100)
    told = "".join(next(words) + space for space in write(SPACES[name]))
    other = "".join(word + SPACES[name][0] for word, _ in zip(COVER.split() * 100, write(SPACES[name]), strict=False))
    assert visible_text(told) == visible_text(other) == visible_text(told.replace("\u00a0", " "))
    assert not is_any_hidden(visible_text(told))
    assert visible_text("a\u200a\u200a\u200ab\u2009 c") == "a b  c"


@pytest.mark.parametrize("name", LINE_ENDS)
def test_a_secret_in_the_choice_of_line_ends_is_gone(name: str) -> None:
    told = "".join(f"line{end}" for end in write(LINE_ENDS[name]))
    assert set(visible_text(told)) == set("line\n")


RUNS = {
    "two joiners between letters that take one": "می\u200c\u200cخ",
    "a joiner and a non-joiner": "می\u200d\u200cخ",
    "two selectors at an ideograph": "邉\U000e0101\U000e0102",
    "a selector that no ideograph has": "邉\U000e0140",
    "an ideograph's selector at a letter": "a\U000e0101あ\U000e0101",
    "a selector at a sign that has the form": "⌚\ufe0f©\ufe0e",
    "a selector at a digit": "1\ufe0f2\ufe0f",
    "a joiner between two faces": "😀\u200d😀",
    "a joiner before a woman, after a letter": "a\u200d👩",
    "a flag of no region": "🏴\U000e0061\U000e0062\U000e007f",
    "a mark between two Hebrew letters": "ש\u200fל\u200eם",
    "a mark between two words": "שלום \u200f עולם",
    "a mark on another line": "שלום\nC++\u200f",
    "a joiner at the end": "ab\u200d",
    "a selector and more": "❤\ufe0f\u200d\u200c\ufe0f",
    "a Mongolian mark outside of it": "a\u180eb\u180b",
}


@pytest.mark.parametrize("name", RUNS)
def test_what_some_writing_needs_is_removed_where_it_only_hides(name: str) -> None:
    told = RUNS[name]
    seen, hidden = read_visible(told)
    assert hidden == len(told) - len(seen) > 0
    rest = "".join(c for c in seen if unicodedata.category(c) == "Cf" or "VARIATION" in unicodedata.name(c, ""))
    assert rest in ("", "\U000e0101", "\ufe0f"), rest  # the first of two selectors may be meant


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pieces_give_the_same_as_the_whole(size: int) -> None:
    chance = random.Random(size)
    parts = [*WRITTEN.values(), *RUNS.values(), "\r\n", "\r", "\n\r\u200d\n", COVER, " \u2009 ", "\u00a0\u00a0x", "\u200d" * 40]  # fmt: skip
    parts += [EVERY[place : place + 5] for place in range(0, len(EVERY), 97)]
    for _ in range(30):
        text = "".join(chance.sample(parts, 12))
        stream = VisibleStream()
        seen = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size)) + stream.finish()
        assert (seen, stream.hidden) == read_visible(text)


def test_cleaning_what_is_clean_changes_nothing() -> None:
    for text in [*WRITTEN.values(), *RUNS.values(), COVER + EVERY, "\u2009a\u2009 \u2009b"]:
        assert read_visible(visible_text(text)) == (visible_text(text), 0)


def test_a_long_run_in_small_pieces_is_not_held() -> None:
    stream = VisibleStream()
    assert [stream.feed("\u200d") for _ in range(1000)] == [""] * 1000
    assert stream.hidden >= 990
    assert stream.feed("x") + stream.finish() == "x"
    assert stream.hidden == 1000


def test_indentation_of_other_spaces_is_kept_as_plain_ones() -> None:
    assert visible_text("if x:\n\u00a0\u00a0\u00a0 y\u00a0\u00a0z") == "if x:\n    y z"


def test_names_and_json_are_cleaned_whole() -> None:
    assert visible_line(f"one\n\n two{HIDDEN['tags']}", 7) == "one two"
    assert visible_line("a b", 2) == "a"
    hidden = HIDDEN["joiners"]
    assert visible_json({f"k{hidden}": [f"v{hidden}", 1, None, {"x": f"{hidden}y"}]}) == {
        "k": ["v", 1, None, {"x": "y"}]
    }
    assert SECRET not in visible_text(SECRET[:1] + HIDDEN["tags"])
