"""Which elements of a web page cannot be seen, as far as style attributes and style rules say so.

Hidden text reaches the model but not the person who judges the document, so it is left out. Judged are the properties
of `_HIDING`, inline and in rules. A value that cannot be computed here, such as `var()`, counts as hiding, and a
selector by the parts of it that are understood: what it says beyond them is taken to apply. A page can hide text in
other ways (something laid over it): what was read is shown to the owner for that reason.
"""

import re
from collections.abc import Callable, Mapping

from chatbot.retrieval.parsing.colours import Colours, parse_colour, read_colours

_COMMENT_END = "*/"
# CSS Syntax 3, section 4.3.7
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n]?|(.))")
_LENGTH = re.compile(r"(?<![\w.#-])([+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(?:e[+-]?\d{1,3})?)([a-z]{1,5}|%|)")
_UNKNOWN = re.compile(r"\b(?:var|env|attr|url|path)\(")
_COMPOUND = re.compile(r"[\s>+~]+")
_PART = re.compile(r"([.#]?)([\w-]{1,100})|\[\s*([\w-]{1,60})")
_STATES = re.compile(r"::?(?!first-l|is|where|not|has|nth|first|last|only|root|lang|dir|link|any)[\w-]{1,60}")
_MOST_RULES, _MOST_STYLE, _MOST_SELECTORS, _MOST_MATCHED = 5000, 20_000, 200, 50
# in the unit that stands behind the number; one without a unit counts as pixels
_TINY = {"px": 1.0, "pt": 1.0, "em": 0.1, "rem": 0.1, "%": 10.0, "": 1.0, "in": 0.02, "pc": 0.1, "mm": 0.4, "cm": 0.04}
_FAR = {
    "px": 500.0,
    "pt": 400.0,
    "em": 40.0,
    "rem": 40.0,
    "%": 100.0,
    "vw": 100.0,
    "vh": 100.0,
    "in": 5.0,
    "cm": 13.0,
    "pc": 30.0,
}
_FAR_OTHER = 100.0
_MIN_SCALE = 0.1


def _lengths(value: str) -> list[tuple[float, str]]:
    return [(float(number), unit) for number, unit in _LENGTH.findall(value)]


def _is_tiny(value: str) -> bool:
    """Say whether any length of a value is next to nothing."""
    return _is_unknown(value) or any(number <= _TINY.get(unit, 0) for number, unit in _lengths(value))


def _is_tiny_font(value: str) -> bool:
    """Judge `font`: its size is the first length with a unit, or a zero, and no weight."""
    sizes = [(number, unit) for number, unit in _lengths(value.partition("/")[0]) if unit or number < 1]
    return _is_unknown(value) or any(number <= _TINY.get(unit, 0) for number, unit in sizes[:1])


def _is_faint(value: str) -> bool:
    return _is_unknown(value) or any(number <= (5 if unit else 0.05) for number, unit in _lengths(value))


def _is_far_off(value: str, beyond: float = 8.0) -> bool:
    """Say whether a place is off the page: before its beginning, or `beyond` times as far behind it."""
    places = [(number, _FAR.get(unit, _FAR_OTHER)) for number, unit in _lengths(value) if unit or "(" in value]
    return _is_unknown(value) or any(number <= -far or number >= beyond * far for number, far in places)


def _is_before(value: str) -> bool:
    return _is_far_off(value, float("inf"))


def _shrinks(value: str) -> bool:
    return _is_unknown(value) or any(abs(number) < _MIN_SCALE for number, unit in _lengths(value) if not unit)


def _turns_away(value: str) -> bool:
    return value.startswith(("x", "y")) and value.endswith("90deg")


def _transforms_away(value: str) -> bool:
    for name, inner in re.findall(r"([a-z0-9]{1,20})\(([^()]{0,200})\)", value):
        if name.startswith("scale") and _shrinks(inner):
            return True
        if name.startswith("translate") and _is_far_off(inner):
            return True
        if name.startswith("rotate") and name[6:] in ("x", "y") and inner.strip() in ("90deg", "-90deg", "270deg"):
            return True
        if name == "matrix" and all(abs(number) < _MIN_SCALE for number, _ in _lengths(inner)[:1]):
            return True
    return _is_unknown(value)


def _clips(value: str) -> bool:
    """Judge a shape to clip by: what keeps a part is an inset of less than half, or a shape with an extent."""
    numbers = [number for number, _ in _lengths(value)]
    if value.startswith("inset("):
        return any(number >= 50 for number in numbers)
    return value not in ("none", "auto", "inherit", "initial", "unset") and (not numbers or max(numbers) <= 1)


def _is_unknown(value: str) -> bool:
    return _UNKNOWN.search(value) is not None


def _is(*values: str) -> Callable[[str], bool]:
    return lambda value: value in values or _is_unknown(value)


_HIDING: dict[str, Callable[[str], bool]] = {
    "display": _is("none"),
    "visibility": _is("hidden", "collapse"),
    "content-visibility": _is("hidden"),
    "opacity": _is_faint,
    "zoom": _shrinks,
    "font-size": _is_tiny,
    "font": _is_tiny_font,
    "scale": _shrinks,
    "rotate": _turns_away,
    "transform": _transforms_away,
    "filter": lambda value: any(map(_is_faint, re.findall(r"opacity\(([^()]{0,40})\)", value))),
    "clip": lambda value: value.startswith("rect(") and _clips(value),
    "clip-path": _clips,
    "mask": lambda value: "transparent" in value or _is_unknown(value),
    "letter-spacing": lambda value: any(number <= (-0.5 if "em" in unit else -5) for number, unit in _lengths(value)),
    **dict.fromkeys(("left", "right", "text-indent", "translate", "word-spacing"), _is_far_off),
    **dict.fromkeys(("top", "bottom"), _is_before),
    **dict.fromkeys(
        (
            f"{name}{side}"
            for name in ("margin", "inset")
            for side in ("", "-left", "-top", "-inline", "-inline-start", "-block", "-block-start")
        ),
        _is_before,
    ),
}
_IMPORTANT = re.compile(r" ?! ?important$")
_EVERYWHERE = r"inherit|initial|unset|revert|revert-layer|var\(.*|env\(.*"
_VALID_LENGTH = re.compile(
    r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?:%|px|pt|pc|in|cm|mm|q|r?em|r?lh|r?ex|r?ch|r?cap|r?ic|(?:[sdl]?v|cq)(?:[whbi]|min|max))?"
    rf"|auto|(?:calc|min|max|clamp)\(.*|(?:xx?x?-)?(?:small|large)|medium|smaller|larger|{_EVERYWHERE}"
)
# what a browser takes as a value: anything else leaves the declaration before it as it is
_VALUES = {
    "display": re.compile(
        r"none|block|contents|list-item|flow-root|run-in|(?:inline-?)?(?:block|table|flex|grid)?"
        rf"|table-[\w-]+|ruby[\w-]*|-webkit-[\w-]+|{_EVERYWHERE}"
    ),
    "visibility": re.compile(rf"visible|hidden|collapse|{_EVERYWHERE}"),
    "content-visibility": re.compile(rf"visible|hidden|auto|{_EVERYWHERE}"),
    "opacity": re.compile(rf"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?%?|calc\(.*|{_EVERYWHERE}"),
    **dict.fromkeys(
        ("font-size", "text-indent", "left", "right", "top", "bottom", "margin-left", "margin-top"), _VALID_LENGTH
    ),
}
_EXTENTS = ("width", "height", "inline-size", "block-size", "line-height")


def read_style(style: str) -> dict[str, str]:
    """Return declarations such as `display: none` by their names: of each the last valid one, or the important one."""
    found: dict[str, str] = {}
    important: set[str] = set()
    for declaration in _plain(style).split(";"):
        name, _, told = declaration.partition(":")
        name, told = name.strip(), " ".join(told.split())
        value = _IMPORTANT.sub("", told)
        # CSS Cascade 4, section 6: what is invalid does not count, and what is important stays
        if not value or (name in _VALUES and not _VALUES[name].fullmatch(value.replace(" ", ""))):
            continue
        if value != told:
            important.add(name)
        elif name in important:
            continue
        found[name] = value
    return found


def hides(style: str) -> bool:
    """Say whether declarations such as `display: none` make an element invisible, whatever its colour."""
    found = read_style(style)
    return _is_closed(found) or any(
        name in _HIDING and value != "" and _HIDING[name](value) for name, value in found.items()
    )


def _is_closed(found: Mapping[str, str]) -> bool:
    """Say whether a box without extent cuts off what it holds."""
    cut = any(
        found.get(f"overflow{side}", "").startswith(("hidden", "clip"))
        for side in ("", "-x", "-y", "-block", "-inline")
    )
    return cut and any(_is_tiny(found.get(f"{most}{name}", "auto")) for name in _EXTENTS for most in ("", "max-"))


class Sheet:
    """The rules of a page's own style sheets that hide something, or colour it."""

    def __init__(self) -> None:
        # by the name that comes first in a selector's last part, "*" for none: the other names, and what is declared
        self._rules: dict[str, list[tuple[frozenset[str], bool, Colours]]] = {}
        self._count = 0

    def learn(self, text: str) -> None:
        """Take in a style sheet. Linear in its length, whatever it holds."""
        for block in _without_comments(text).split("}")[:_MOST_RULES]:
            selectors, _, declarations = block.rpartition("{")
            if not selectors:
                continue
            hidden, colours = hides(declarations), read_colours(read_style(declarations))
            if not hidden and colours == Colours():
                continue
            for selector in _outer_commas(selectors.rpartition("{")[2])[:_MOST_SELECTORS]:
                parts = _parts_of(_plain(selector).strip())
                if parts is not None and self._count < _MOST_RULES:
                    self._count += 1
                    first = max(parts, key=lambda part: (part[:1] in ".#", part), default="*")
                    self._rules.setdefault(first, []).append((parts, hidden, colours))

    def judge(self, tag: str, attributes: Mapping[str, str]) -> tuple[bool, Colours]:
        """Say whether an element is invisible by its own style or by a rule, and return the colours it is given."""
        style = attributes.get("style", "")
        hidden = "hidden" in attributes or (style != "" and hides(style))
        colours = Colours(
            parse_colour(attributes.get("color", attributes.get("text", ""))),
            parse_colour(attributes.get("bgcolor", "")),
        )
        if self._rules:
            names = {
                tag,
                f"#{attributes.get('id', '').lower()}",
                *(f".{n}" for n in attributes.get("class", "").lower().split()[:50]),
            }
            names |= {f"[{name}" for name in list(attributes)[:50]}
            for first in (*names, "*"):
                for parts, hiding, declared in self._rules.get(first, ())[:_MOST_MATCHED]:
                    if parts <= names:
                        hidden, colours = hidden or hiding, colours.under(declared)
        return hidden, colours.under(read_colours(read_style(style))) if style else colours


def _outer_commas(selectors: str) -> list[str]:
    """Part selectors at their commas, those in brackets apart."""
    parts, depth = [""], 0
    for piece in re.split(r"([(),])", selectors):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _parts_of(selector: str) -> frozenset[str] | None:
    """Return the names that the last part of a selector asks for; None for a state or a place without text.

    `:is()` and `:where()` ask for what is in them; other conditions count as met.
    """
    plain = re.sub(r":not\([^()]{0,200}\)|:(?:nth|has|lang|dir)[\w-]{0,20}\([^()]{0,200}\)", "", selector)
    last = _COMPOUND.split(re.sub(r":(?:is|where)\(([^(),]{0,200})[^()]{0,200}\)", r"\1", plain).strip())[-1]
    if _STATES.search(last):
        return None
    last = re.sub(r"::?[\w-]{1,60}", "", last)
    return frozenset(
        f"[{attribute}" if attribute else f"{kind}{name}"
        for kind, name, attribute in _PART.findall(re.sub(r"=[^\]]{0,200}", "", last))
    )


def _plain(text: str) -> str:
    return _ESCAPE.sub(_unescape, _without_comments(text[:_MOST_STYLE])).lower()


def _unescape(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else 0
    return match[2] or (chr(code) if 0 < code < 0x110000 else "\ufffd")


def _without_comments(text: str) -> str:
    first, *rest = text.split("/*")
    return first + "".join(piece.partition(_COMMENT_END)[2] for piece in rest)
