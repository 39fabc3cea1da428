"""The colours of a web page's text and of what is behind it, as far as it declares them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

Colour = tuple[int, int, int]
# not the paper's, and not known: a picture, a gradient, a name that is not looked up
UNKNOWN = (-1, -1, -1)
PAPER, INK = (255, 255, 255), (0, 0, 0)
# of 255, in every channel: closer to what is behind it, text is not seen
_MIN_CONTRAST = 24
_MIN_ALPHA = 0.1
_NAMES = {
    "white": PAPER, "snow": (255, 250, 250), "ivory": (255, 255, 240), "ghostwhite": (248, 248, 255), "canvas": PAPER,
    "azure": (240, 255, 255), "floralwhite": (255, 250, 240), "mintcream": (245, 255, 250), "silver": (192, 192, 192),
    "whitesmoke": (245, 245, 245), "seashell": (255, 245, 238), "black": INK, "red": (255, 0, 0), "lime": (0, 255, 0),
    "green": (0, 128, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "gray": (128, 128, 128), "canvastext": INK,
    "grey": (128, 128, 128), "navy": (0, 0, 128), "maroon": (128, 0, 0),
}  # fmt: skip
_HEX = re.compile(r"#([0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})(?![0-9a-f])")
_RGB = re.compile(r"rgba?\(([^()]{1,80})\)")
_HSL = re.compile(r"(?:hsl|hwb|lab|lch|oklab|oklch|color)a?\(([^()]{1,80})\)")
_NUMBER = re.compile(r"(\d{0,9}\.?\d{1,9})(%?)")


@dataclass(frozen=True, slots=True)
class Colours:
    """What an element declares: the text's colour, the ground's, and whether the text is transparent."""

    text: Colour | None = None
    ground: Colour | None = None
    is_clear: bool | None = None

    def under(self, later: "Colours") -> "Colours":
        """Return what holds when `later` is declared as well."""
        clear = self.is_clear if later.is_clear is None else later.is_clear
        return Colours(later.text or self.text, later.ground or self.ground, clear)

    @property
    def is_faint(self) -> bool:
        """Say whether text of this colour cannot be seen on this ground: the paper is white, the ink is black."""
        text, ground = self.text or INK, self.ground or PAPER
        if self.is_clear:
            return True
        return UNKNOWN not in (text, ground) and all(
            abs(a - b) < _MIN_CONTRAST for a, b in zip(text, ground, strict=True)
        )


def read_colours(style: Mapping[str, str]) -> Colours:
    """Return the colours of declarations."""
    text = style.get("-webkit-text-fill-color") or style.get("color") or ""
    ground = style.get("background-color") or style.get("background") or ""
    return Colours(
        parse_colour(text), parse_colour(ground, is_ground=True), _alpha_of(text) < _MIN_ALPHA if text else None
    )


def parse_colour(value: str, *, is_ground: bool = False) -> Colour | None:
    """Return a colour, `UNKNOWN` where it cannot be computed, None for no colour of one's own."""
    value = value.strip().lower()
    if value in ("", "inherit", "currentcolor", "none", "transparent", "initial", "unset", "revert"):
        return None
    if is_ground and ("url(" in value or "gradient(" in value or _alpha_of(value) < 1):
        return UNKNOWN if _alpha_of(value) > 0 else None
    if found := _HEX.search(value):
        digits = found[1] if len(found[1]) > 4 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    if found := _RGB.search(value):
        channels = [
            min(255, round(float(n) * (2.55 if percent else 1))) for n, percent in _NUMBER.findall(found[1])[:3]
        ]
        return (channels[0], channels[1], channels[2]) if len(channels) == 3 else UNKNOWN
    named = [_NAMES[word] for word in re.findall(r"[a-z]{3,20}", value) if word in _NAMES]
    return named[0] if named else UNKNOWN


def _alpha_of(value: str) -> float:
    """Return how opaque a colour is, 1.0 where it does not say."""
    value = value.strip().lower()
    if value == "transparent":
        return 0.0
    if found := _HEX.search(value):
        digits = found[1] if len(found[1]) > 4 else "".join(digit * 2 for digit in found[1])
        return int(digits[6:8], 16) / 255 if len(digits) == 8 else 1.0
    if found := _RGB.search(value) or _HSL.search(value):
        numbers = _NUMBER.findall(found[1])
        if len(numbers) == 4:
            return float(numbers[3][0]) / (100 if numbers[3][1] else 1)
    return 1.0
