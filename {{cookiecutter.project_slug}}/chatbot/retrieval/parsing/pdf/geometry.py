"""Boxes and matrices of a PDF page, in points."""

from typing import Any

import pypdfium2.raw as pdfium_c

# left, top, right, bottom; y grows downward
Box = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]


def around(boxes: list[Box]) -> Box:
    """Return the box around all of them."""
    return (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))


def matrix_of(item: Any) -> Matrix:
    """Return a page object's matrix."""
    found = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFPageObj_GetMatrix(item, found)
    return found.a, found.b, found.c, found.d, found.e, found.f


def times(first: Matrix, second: Matrix) -> Matrix:
    """Return the matrix that does the first, then the second (ISO 32000-2, section 8.3.4)."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    """Return where a point comes to."""
    return matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5]
