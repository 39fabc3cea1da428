"""Which letters of a PDF page leave visible ink: the page is drawn with and without its text, and compared.

A letter is seen where the two drawings differ, and where its colour differs from what is behind it. So whatever hides
text in a drawing hides it here: a cover, a clip, transparency, a layer that is off, a place off the page, the ground's
own colour. A page that takes too long to draw is judged by its colours alone.
"""

import time
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from chatbot.retrieval.parsing.pdf.geometry import Box

# seconds of drawing for the whole document; points of the longer side; pixels of a page
_MAX_SECONDS, _MAX_SIDE, _MAX_PIXELS = 6.0, 8000, 2_000_000
# of 255, in some channel: closer to the ground, a letter is not seen
_MIN_CONTRAST = 20
_CHANNELS = 3
Colour = tuple[int, int, int]


@dataclass(slots=True)
class Style:
    """How the letters of one text object look.

    `fill` is None when they are outlined or filled with a pattern: only the ink tells. `drawn` says that PDFium has
    their font, so that there is a shape for each of them. `named` is false for a font of drawings, such as bitmaps.
    """

    size: float
    bold: bool
    seen: bool
    fill: Colour | None
    drawn: bool
    named: bool = True


class Ink:
    """Tells by colour alone: white counts as the paper. Used where a page could not be drawn."""

    def shows(self, _box: Box, style: Style, *, drawn: bool) -> bool:
        """Say whether a letter in this box can be seen. `drawn` says that there is a shape for it."""
        return style.fill is None or min(style.fill) < 255 - _MIN_CONTRAST


NO_INK = Ink()


class DrawnInk(Ink):
    """A page drawn with and without its text, three bytes a pixel, blue first."""

    def __init__(self, full: bytes, bare: bytes, stride: int, size: tuple[int, int], scale: float) -> None:
        self._full = full
        self._bare = bare
        self._stride = stride
        self._width, self._height = size
        self._scale = scale

    def shows(self, box: Box, style: Style, *, drawn: bool) -> bool:
        """Say whether a letter in this box can be seen."""
        left, top = max(0, int(box[0] * self._scale)), max(0, int(box[1] * self._scale))
        right, bottom = int(box[2] * self._scale) + 1, int(box[3] * self._scale) + 1
        right, bottom = min(self._width, right), min(self._height, bottom)
        if left >= right or top >= bottom:
            return False
        middle = (top + bottom) // 2
        if style.fill is not None:
            at = middle * self._stride + (left + right) // 2 * _CHANNELS
            ground = self._bare[at : at + _CHANNELS]
            if max(abs(own - behind) for own, behind in zip(style.fill, ground, strict=True)) < _MIN_CONTRAST:
                return False  # its box may hold another letter's ink
        return not drawn or self._has_ink(left, right, top, middle, bottom)

    def _has_ink(self, left: int, right: int, top: int, middle: int, bottom: int) -> bool:
        for row in (*range(middle, bottom), *range(top, middle)):  # most letters have ink in their lower half
            begin, end = row * self._stride + left * _CHANNELS, row * self._stride + right * _CHANNELS
            full, bare = self._full[begin:end], self._bare[begin:end]
            if full == bare:
                continue
            if min(full) <= min(bare) - _MIN_CONTRAST or max(full) >= max(bare) + _MIN_CONTRAST:
                return True  # the usual case
            if any(abs(one - other) >= _MIN_CONTRAST for one, other in zip(full, bare, strict=True)):
                return True
        return False


class Clock:
    """Ends a drawing that takes too long: PDFium asks between two objects."""

    def __init__(self) -> None:
        self._left, self._since = _MAX_SECONDS, 0.0
        self._pause = pdfium_c.IFSDK_PAUSE(version=1)
        pdfium.internal.set_callback(
            self._pause, "NeedToPauseNow", lambda _: time.process_time() - self._since > self._left
        )

    def draw(self, bitmap: Any, page: pdfium.PdfPage, width: int, height: int) -> bool:
        """Draw a page, as far as there is time; False when it ran out."""
        if self._left <= 0:
            return False
        self._since = time.process_time()
        flags = pdfium_c.FPDF_REVERSE_BYTE_ORDER
        state = pdfium_c.FPDF_RenderPageBitmap_Start(bitmap.raw, page.raw, 0, 0, width, height, 0, flags, self._pause)
        pdfium_c.FPDF_RenderPage_Close(page.raw)
        self._left -= time.process_time() - self._since
        return bool(state == pdfium_c.FPDF_RENDER_DONE)


def draw(page: pdfium.PdfPage, texts: list[Any], size: tuple[float, float], clock: Clock) -> Ink | None:
    """Return the page's ink, None when drawing takes too long. `texts` are its text objects."""
    scale = min(1.0, (_MAX_PIXELS / max(1.0, size[0] * size[1])) ** 0.5)
    width, height = (min(_MAX_SIDE, max(1, round(side * scale))) for side in size)
    full = _pixels(page, width, height, clock)
    for text in texts:
        pdfium_c.FPDFPageObj_SetIsActive(text, False)
    bare = _pixels(page, width, height, clock)
    for text in texts:
        pdfium_c.FPDFPageObj_SetIsActive(text, True)
    if full is None or bare is None:
        return None
    return DrawnInk(full[0], bare[0], full[1], (width, height), scale)


def _pixels(page: pdfium.PdfPage, width: int, height: int, clock: Clock) -> tuple[bytes, int] | None:
    bitmap = pdfium.PdfBitmap.new_native(width, height, pdfium_c.FPDFBitmap_BGR)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        return (bytes(bitmap.buffer), bitmap.stride) if clock.draw(bitmap, page, width, height) else None
    finally:
        bitmap.close()
