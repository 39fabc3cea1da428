"""Which elements of a web page cannot be seen, as far as style attributes and simple style rules say so.

Hidden text reaches the model but not the person who judges the document, so it is left out. Looked at are `display`,
`visibility`, `opacity`, a tiny font, clipping, transparent colour and positions far off the screen, inline and in
rules whose selector ends in one class, identifier or element. A page can hide text in other ways (the background's
own colour, something laid over it): what was read is shown to the owner for that reason.
"""

import re
from collections.abc import Callable, Mapping

_COMMENT_END = "*/"
# CSS Syntax 3, section 4.3.7
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n]?|(.))")
_NUMBER = re.compile(r"^[+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(?:e[+-]?\d{1,3})?")
_SIMPLE = re.compile(r"^[.#]?[\w-]{1,100}$")
_SELECTOR_PARTS = re.compile(r"[\s>+~]+")
_MOST_RULES, _MOST_STYLE = 5000, 20_000
# in the unit that stands behind the number; one without a unit counts as pixels
_TINY = {"px": 1.0, "pt": 1.0, "em": 0.1, "rem": 0.1, "%": 10.0, "": 1.0}
_FAR = {"px": 500.0, "pt": 400.0, "em": 40.0, "rem": 40.0, "vw": 100.0, "vh": 100.0, "%": 100.0, "": 500.0}


def _measure(value: str) -> tuple[float, str]:
    """Return a length's number and unit, (1, "?") for what is no length."""
    found = _NUMBER.match(value)
    return (float(found[0]), value[found.end() :]) if found else (1.0, "?")


def _is_tiny(value: str) -> bool:
    number, unit = _measure(value)
    return number == 0 or number <= _TINY.get(unit, 0)


def _is_faint(value: str) -> bool:
    number, unit = _measure(value)
    return unit in ("", "%") and number <= (5 if unit else 0.05)


def _is_far_off(value: str) -> bool:
    number, unit = _measure(value)
    return number < 0 and -number >= _FAR.get(unit, 500)


_HIDING: dict[str, Callable[[str], bool]] = {
    "display": lambda value: value == "none",
    "visibility": lambda value: value in ("hidden", "collapse"),
    "content-visibility": lambda value: value == "hidden",
    "opacity": _is_faint,
    "font-size": _is_tiny,
    "font": lambda value: value[:1] == "0" and value[1:2] != ".",
    "color": lambda value: value == "transparent" or value.endswith((",0)", "/0)", "/0%)")),
    "-webkit-text-fill-color": lambda value: value == "transparent",
    "text-indent": _is_far_off,
    "left": _is_far_off,
    "right": _is_far_off,
    "top": _is_far_off,
    "bottom": _is_far_off,
    "margin-left": _is_far_off,
    "margin-top": _is_far_off,
    "clip": lambda value: value.startswith(("rect(0", "rect(1px,1px")),
    "clip-path": lambda value: value.startswith(("inset(50%", "inset(100%", "circle(0")),
    "transform": lambda value: value.startswith(("scale(0)", "scale(0,", "translate(-9", "translatex(-9")),
}
_EVERYWHERE = r"inherit|initial|unset|revert|revert-layer|var\(.*|env\(.*"
_LENGTH = re.compile(
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
        ("font-size", "text-indent", "left", "right", "top", "bottom", "margin-left", "margin-top"), _LENGTH
    ),
}


def hides(style: str) -> bool:
    """Say whether declarations such as `display: none` make an element invisible."""
    plain = _ESCAPE.sub(_unescape, _without_comments(style[:_MOST_STYLE])).lower()
    found: dict[str, str] = {}
    important: set[str] = set()
    for declaration in plain.split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip(), "".join(value.split())
        given = value.removesuffix("!important")
        # CSS Cascade 4, section 6: what is invalid does not count, and what is important stays
        if not given or (name in _VALUES and not _VALUES[name].fullmatch(given)):
            continue
        if given != value:
            important.add(name)
        elif name in important:
            continue
        found[name] = given
    if _is_closed(found):
        return True
    return any(name in _HIDING and _HIDING[name](value) for name, value in found.items())


def _is_closed(found: Mapping[str, str]) -> bool:
    """Say whether a box without extent cuts off what it holds."""
    cut = found.get("overflow", "") in ("hidden", "clip")
    extents = [found[name] for name in ("width", "height", "max-width", "max-height") if name in found]
    return cut and any(_is_tiny(value) for value in extents)


class Sheet:
    """The rules of a page's own style sheets that hide something."""

    def __init__(self) -> None:
        self._hiding: set[str] = set()

    def learn(self, text: str) -> None:
        """Take in a style sheet. Linear in its length, whatever it holds."""
        for block in _without_comments(text).split("}")[:_MOST_RULES]:
            selectors, _, declarations = block.rpartition("{")
            if selectors and hides(declarations):
                for selector in selectors.rpartition("{")[2].split(","):
                    last = _SELECTOR_PARTS.split(selector.strip())[-1]
                    if _SIMPLE.match(last):
                        self._hiding.add(last)

    def hides(self, tag: str, attributes: Mapping[str, str]) -> bool:
        """Say whether an element is invisible by its own style or by a rule."""
        if "hidden" in attributes or hides(attributes.get("style", "")):
            return True
        if not self._hiding:
            return False
        names = [
            tag,
            f"#{attributes.get('id', '')}",
            *(f".{name}" for name in attributes.get("class", "").split()[:50]),
        ]
        return not self._hiding.isdisjoint(names)


def _unescape(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else 0
    return match[2] or (chr(code) if 0 < code < 0x110000 else "\ufffd")


def _without_comments(text: str) -> str:
    first, *rest = text.split("/*")
    return first + "".join(piece.partition(_COMMENT_END)[2] for piece in rest)
