"""Characters by what a reader sees of them, as far as Python's own Unicode database does not say it.

Sources: Unicode 15.1, emoji-data.txt, emoji-variation-sequences.txt, emoji-zwj-sequences.txt, ArabicShaping.txt and
DerivedCoreProperties.txt (Default_Ignorable_Code_Point); Unicode Technical Standard 37 (ideographic variants).
"""

import unicodedata


def _spell(ranges: str) -> str:
    """Return code points in hexadecimal, such as `23 30-39`, as what stands between a pattern's brackets."""
    return "".join("-".join(f"\\U{code:0>8}" for code in part.split("-")) for part in ranges.split())


# a sign that is shown as text unless U+FE0F follows it, and one that is coloured unless U+FE0E does
TEXT_EMOJI = _spell(
    "a9 ae 203c 2049 2122 2139 2194-2199 21a9-21aa 2328 23cf 23ed-23ef 23f1-23f2 23f8-23fa 24c2 25aa-25ab 25b6 25c0"
    " 25fb-25fc 2600-2604 260e 2611 2618 261d 2620 2622-2623 2626 262a 262e-262f 2638-263a 2640 2642 265f-2660 2663"
    " 2665-2666 2668 267b 267e 2692 2694-2697 2699 269b-269c 26a0 26a7 26b0-26b1 26c8 26cf 26d1 26d3 26e9 26f0-26f1"
    " 26f4 26f7-26f9 2702 2708-2709 270c-270d 270f 2712 2714 2716 271d 2721 2733-2734 2744 2747 2763-2764 27a1"
    " 2934-2935 2b05-2b07 3030 303d 3297 3299 1f170-1f171 1f17e-1f17f 1f202 1f237 1f321 1f324-1f32c 1f336 1f37d"
    " 1f396-1f397 1f399-1f39b 1f39e-1f39f 1f3cb-1f3ce 1f3d4-1f3df 1f3f3 1f3f5 1f3f7 1f43f 1f441 1f4fd 1f549-1f54a"
    " 1f56f-1f570 1f573-1f579 1f587 1f58a-1f58d 1f590 1f5a5 1f5a8 1f5b1-1f5b2 1f5bc 1f5c2-1f5c4 1f5d1-1f5d3"
    " 1f5dc-1f5de 1f5e1 1f5e3 1f5e8 1f5ef 1f5f3 1f5fa 1f6cb 1f6cd-1f6cf 1f6e0-1f6e5 1f6e9 1f6f0 1f6f3"
)
COLOURED_EMOJI = _spell(
    "231a-231b 23e9-23ec 23f0 23f3 25fd-25fe 2614-2615 2648-2653 267f 2693 26a1 26aa-26ab 26bd-26be 26c4-26c5 26ce"
    " 26d4 26ea 26f2-26f3 26f5 26fa 26fd 2705 270a-270b 2728 274c 274e 2753-2755 2757 2795-2797 27b0 27bf 2b1b-2b1c"
    " 2b50 2b55 1f004 1f0cf 1f18e 1f191-1f19a 1f1e6-1f1ff 1f201 1f21a 1f22f 1f232-1f236 1f238-1f23a 1f250-1f251"
    " 1f300-1f320 1f32d-1f335 1f337-1f37c 1f37e-1f393 1f3a0-1f3ca 1f3cf-1f3d3 1f3e0-1f3f0 1f3f4 1f3f8-1f43e 1f440"
    " 1f442-1f4fc 1f4ff-1f53d 1f54b-1f54e 1f550-1f567 1f57a 1f595-1f596 1f5a4 1f5fb-1f64f 1f680-1f6c5 1f6cc"
    " 1f6d0-1f6d2 1f6d5-1f6d7 1f6dc-1f6df 1f6eb-1f6ec 1f6f4-1f6fc 1f7e0-1f7eb 1f7f0 1f90c-1f93a 1f93c-1f945 1f947-1faff"
)
# what a joiner adds to a person, an animal, a flag or a heart; between two other emoji it only hides
JOINED_EMOJI = _spell(
    "2194-2195 2620 2640 2642 2695-2696 26a7 26d3 2708 2744 2764 27a1 2b1b 1f308 1f32b 1f33e 1f373 1f37c 1f384 1f393"
    " 1f3a4 1f3a8 1f3eb 1f3ed 1f430 1f466-1f469 1f48b 1f4a5 1f4a8 1f4ab 1f4bb-1f4bc 1f525 1f527 1f52c 1f5e8 1f680 1f692"
    " 1f7e9 1f7eb 1f91d 1f9af-1f9b3 1f9ba 1f9bc-1f9bd 1f9d1-1f9d2 1fa70 1fa79 1faf2"
)
IDEOGRAPHS = _spell("3400-4dbf 4e00-9fff 20000-323af")
# registered are up to 32 variants of one ideograph
IDEOGRAPHIC_SELECTORS = _spell("e0100-e011f")
MONGOLIAN = _spell("1820-1878 1880-18aa")
MONGOLIAN_SELECTORS = _spell("180b-180d 180f")
# Arabic, Syriac, N'Ko, Mandaic, Mongolian, Phags-pa, Rohingya, Adlam: letters that take the shape of their place
JOINING = _spell("620-74f 750-77f 7ca-7f5 840-85b 860-86a 870-8ff 1820-18aa a840-a873 10d00-10d27 1e900-1e94b")

# Hebrew, Arabic and what lies between, their presentation forms, and the planes' own part for such scripts
RIGHT_TO_LEFT = _spell("5be-5f4 608-61b 61d-8ff fb1d-fdff fe70-fefc 10800-10fff 1e800-1efff")
SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
LINE_ENDS = "\x0b\x0c\x85\u2028\u2029"
NON_JOINER, JOINER, VOWEL_SEPARATOR = "\u200c\u200d\u180e"
DIRECTION_MARKS = "\u200e\u200f\u061c"
# needed by some writing between some characters, and hidden everywhere else
DOUBTFUL = "".join(
    map(
        chr,
        (0x61C, *range(0x180B, 0x1810), *range(0x200C, 0x2010), 0xFE0E, 0xFE0F, *range(0xE0020, 0xE0080),
         *range(0xE0100, 0xE0120)),
    )
)  # fmt: skip

# format characters with a shape: the signs that Arabic, Syriac and Kaithi put around a number
_SHAPED = frozenset(map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)))
# counted as letters, marks or signs, and shown as nothing: fillers, joiners of the font's, blanks, a picture's place
_BLANK = frozenset(
    map(
        chr,
        (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x2D7F, 0x3164, 0xFFA0, 0xFFFC,
         0x1107F, 0x13441, 0x13442, 0x16FE4, 0x1D159, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    )
)  # fmt: skip
_HIDDEN_KINDS = frozenset({"Cc", "Cf", "Co", "Cs"})
# younger than this Python's Unicode: new emoji and ideographs, which are shown, if only as a box
_YOUNG = ((0x2FFC, 0x2FFF), (0x1F000, 0x1FAFF), (0x20000, 0x2FFFD), (0x30000, 0x3FFFD))


def is_hidden(character: str) -> bool:
    """Say whether a character is shown as nothing, whatever stands beside it."""
    if character in DOUBTFUL or character in _SHAPED:
        return False
    kind = unicodedata.category(character)
    if kind == "Cn":
        return not any(first <= ord(character) <= last for first, last in _YOUNG)
    return kind in _HIDDEN_KINDS or character in _BLANK


def is_control(character: str) -> bool:
    """Say whether a character belongs to no text file; the usual white space does."""
    return unicodedata.category(character) == "Cc" and character not in "\n\t\f"
