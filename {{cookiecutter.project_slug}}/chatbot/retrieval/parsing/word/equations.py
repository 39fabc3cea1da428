"""An equation of a Word document on one line, as people type it: `(a+b)/2`, `x^2`, `√(x)`.

Source: ECMA-376 part 1, section 22.1 (Office Math).
"""

from collections.abc import Callable
from typing import Any

MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MAX_DEPTH = 40
_MAX_ALONE = 1


def write_equation(  # noqa: PLR0911 - a case for each kind of element
    element: Any, is_hidden: Callable[[Any], bool], depth: int = 0
) -> str:
    """Return the equation's text, without the runs that are hidden. What is nested too deeply is left out."""
    if depth > _MAX_DEPTH or not isinstance(element.tag, str) or (element.tag == f"{MATH}r" and is_hidden(element)):
        return ""

    def inner(parent: Any, name: str) -> list[str]:
        return [write_equation(child, is_hidden, depth + 1) for child in parent.findall(f"{MATH}{name}")]

    def part(name: str, *, grouped: bool = True) -> str:
        text = "".join(inner(element, name))
        return f"({text})" if grouped and len(text) > _MAX_ALONE and not text.isalnum() else text

    match element.tag.removeprefix(MATH):
        case "t":
            return element.text or ""
        case "f":
            return f"{part('num')}/{part('den')}"
        case "sSup":
            return f"{part('e')}^{part('sup')}"
        case "sSub":
            return f"{part('e')}_{part('sub')}"
        case "sSubSup":
            return f"{part('e')}_{part('sub')}^{part('sup')}"
        case "rad":
            return f"{part('deg')}√({part('e', grouped=False)})"
        case "nary":
            return f"{_character(element, '∫')}{_limits(part('sub'), part('sup'))} {part('e', grouped=False)}"
        case "d":
            opening, closing = _character(element, "(", "begChr"), _character(element, ")", "endChr")
            return f"{opening}{', '.join(inner(element, 'e'))}{closing}"
        case "mr":
            return ", ".join(inner(element, "e")) + "; "
    return "".join(write_equation(child, is_hidden, depth + 1) for child in element)


def _character(element: Any, default: str, name: str = "chr") -> str:
    found = next(iter(element.iterfind(f"*/{MATH}{name}")), None)
    return default if found is None else str(found.get(f"{MATH}val", ""))[:2]


def _limits(lower: str, upper: str) -> str:
    return (f"_{lower}" if lower else "") + (f"^{upper}" if upper else "")
