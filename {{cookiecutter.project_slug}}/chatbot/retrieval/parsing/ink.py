"""Follows a PDF page's drawing, and takes out the text that leaves no visible ink.

pypdf tells of each operation before it carries it out, and takes its operands as they are then: the text of an
operation that nobody would see is replaced by an empty one. Invisible are: the rendering modes 3 and 7, a letter less
than a point high, text outside the page, full transparency, a hidden layer, and white on what nothing else was drawn
on. Text behind a later drawing, or in a colour like the one that it stands on, counts as visible: what was read is
shown to the owner for that reason. Source: ISO 32000-2, sections 8.4 (graphics state), 8.6 (colour), 9.3 (text state).
"""

from copy import copy
from dataclasses import dataclass
from typing import Any

Matrix = tuple[float, float, float, float, float, float]
_STILL: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_INVISIBLE_MODES = (3, 7)
_STROKED_MODES = (1, 2)
_LEAST_POINTS = 1.0
_LEAST_WHITE = 0.93
# how wide a letter is for its height, on average, when the end of a text is guessed
_WIDTH = 0.6
_MOST_BOXES, _MOST_DEPTH = 2000, 5000
_GRAYS, _RGBS, _CMYKS = 1, 3, 4
_SHOWING = (b"Tj", b"TJ", b"'", b'"')


@dataclass(slots=True)
class _State:
    """The part of the graphics state that `q` keeps and `Q` brings back."""

    matrix: Matrix = _STILL
    mode: int = 0
    white: bool = False
    space: Any = "/DeviceGray"
    alpha: float = 1.0
    size: float = 12.0
    leading: float = 0.0
    two_byte: bool = False


class Ink:
    """The visitors for one page. `hidden` counts the characters taken out."""

    def __init__(self, page: Any, layers: frozenset[int]) -> None:
        self.hidden = 0
        box = page.cropbox
        self._edges = tuple(sorted((float(box.left), float(box.right))) + sorted((float(box.bottom), float(box.top))))
        self._layers = layers
        self._state = _State()
        self._kept: list[_State] = []
        self._outside: list[tuple[_State, list[_State], Any]] = []
        self._resources = _resolved(page.get("/Resources")) or {}
        self._text = self._line = _STILL
        self._path: list[tuple[float, float]] = []
        self._boxes: list[tuple[float, float, float, float]] = []
        self._marked: list[bool] = []

    def before(self, operator: bytes, operands: list[Any], _matrix: Any, _text_matrix: Any) -> None:
        """Follow an operation; where it shows text that is not seen, take the text out of its operands."""
        try:
            self._follow(operator, operands)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError):
            return  # pypdf ignores a malformed operation, too

    def after(self, operator: bytes, operands: list[Any], _matrix: Any, _text_matrix: Any) -> None:
        """Come back from a form: what it changed in the state ends with it."""
        if operator == b"Do" and operands and self._outside:
            self._state, self._kept, self._resources = self._outside.pop()

    def _follow(self, operator: bytes, operands: list[Any]) -> None:
        if operator in _SHOWING:
            self._show(operator, operands)
        elif operator in (b"BDC", b"BMC"):
            self._marked.append(operator == b"BDC" and operands[0] == "/OC" and self._is_off(operands[1]))
        elif operator == b"EMC" and self._marked:
            self._marked.pop()
        elif operator == b"Do":
            self._enter(operands[0])
        elif operator in _TEXT_STATE:
            change, count = _TEXT_STATE[operator]
            change(self, *operands[len(operands) - count :])  # viewers take the last ones, too
        elif operator in _PAINTING:
            self._paint(operator)
        elif operator in _POINTS:
            self._path += _POINTS[operator]([float(value) for value in operands])
        elif operator in (b"sc", b"scn"):
            self._state.white = _is_white(self._state.space, operands)
        elif operator in _COLOURS:
            self._state.space = _COLOURS[operator]
            self._state.white = _is_white(_COLOURS[operator], operands)

    def _show(self, operator: bytes, operands: list[Any]) -> None:
        state = self._state
        if operator in (b"'", b'"'):
            self._move(0.0, -state.leading)
        texts = operands[0] if operator == b"TJ" else operands[-1:]
        count = sum(len(text) for text in texts if isinstance(text, str | bytes))
        if count and self._is_unseen(count):
            self.hidden += count // 2 if state.two_byte else count
            operands[0 if operator == b"TJ" else -1] = type(operands[0])() if operator == b"TJ" else b""

    def _is_unseen(self, count: int) -> bool:
        state = self._state
        if state.mode in _INVISIBLE_MODES or state.alpha == 0 or any(self._marked):
            return True
        a, b, c, d, x, y = _times(self._text, state.matrix)
        height = abs(state.size) * abs(a * d - b * c) ** 0.5
        left, right, bottom, top = self._edges
        level = abs(b) < abs(a) / 100 and a > 0
        off = level and (x > right or y > top or y < bottom - height or x + _WIDTH * height * count < left)
        if height < _LEAST_POINTS or off:
            return True
        covered = any(x0 <= x <= x1 and y0 <= y + height / 4 <= y1 for x0, y0, x1, y1 in self._boxes)
        return state.white and state.mode not in _STROKED_MODES and not covered

    def _is_off(self, name: Any) -> bool:
        properties = _resolved(self._resources.get("/Properties")) or {}
        return id(_resolved(properties.get(name))) in self._layers

    def _enter(self, name: Any) -> None:
        self._outside.append((copy(self._state), self._kept, self._resources))
        self._kept = []
        form = _resolved((_resolved(self._resources.get("/XObject")) or {}).get(name)) or {}
        if form.get("/Subtype") == "/Image":
            self._path = [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)]
            self._note_box()
            return
        if "/Matrix" in form:
            self._state.matrix = _times(_matrix_of(form["/Matrix"]), self._state.matrix)
        self._resources = _resolved(form.get("/Resources")) or self._resources

    def _paint(self, operator: bytes) -> None:
        if operator == b"sh":
            self._path = [(-1e6, -1e6), (1e6, 1e6)]
        if operator not in (b"n", b"S", b"s") and (operator == b"sh" or not self._state.white):
            self._note_box()
        self._path = []

    def _note_box(self) -> None:
        points = [_apply(self._state.matrix, x, y) for x, y in self._path]
        if points and len(self._boxes) < _MOST_BOXES and self._state.alpha:
            xs, ys = [x for x, _ in points], [y for _, y in points]
            self._boxes.append((min(xs), min(ys), max(xs), max(ys)))
        self._path = []

    def _move(self, x: float, y: float) -> None:
        self._text = self._line = _times((1.0, 0.0, 0.0, 1.0, float(x), float(y)), self._line)

    def _move_and_lead(self, x: float, y: float) -> None:
        self._state.leading = -float(y)
        self._move(x, y)

    def _set_text(self, *values: Any) -> None:
        self._text = self._line = _matrix_of(values)

    def _concatenate(self, *values: Any) -> None:
        self._state.matrix = _times(_matrix_of(values), self._state.matrix)

    def _keep(self) -> None:
        if len(self._kept) < _MOST_DEPTH:
            self._kept.append(copy(self._state))

    def _bring_back(self) -> None:
        if self._kept:
            self._state = self._kept.pop()

    def _set_font(self, name: Any, size: Any) -> None:
        self._state.size = float(size)
        font = _resolved((_resolved(self._resources.get("/Font")) or {}).get(name)) or {}
        self._state.two_byte = font.get("/Subtype") == "/Type0"

    def _set_extended(self, name: Any) -> None:
        extended = _resolved((_resolved(self._resources.get("/ExtGState")) or {}).get(name)) or {}
        self._state.alpha = float(extended.get("/ca", self._state.alpha))

    def _set_space(self, name: Any) -> None:
        spaces = _resolved(self._resources.get("/ColorSpace")) or {}
        space = _resolved(spaces.get(name)) if name in spaces else name
        self._state.space, self._state.white = space, False


# what changes the state, and how many operands it takes
_TEXT_STATE: dict[bytes, tuple[Any, int]] = {
    b"BT": (lambda ink: ink._set_text(*_STILL), 0),
    b"Tm": (Ink._set_text, 6),
    b"Td": (Ink._move, 2),
    b"TD": (Ink._move_and_lead, 2),
    b"T*": (lambda ink: ink._move(0.0, -ink._state.leading), 0),
    b"TL": (lambda ink, value: setattr(ink._state, "leading", float(value)), 1),
    b"Tr": (lambda ink, value: setattr(ink._state, "mode", int(value)), 1),
    b"Tf": (Ink._set_font, 2),
    b"cm": (Ink._concatenate, 6),
    b"q": (Ink._keep, 0),
    b"Q": (Ink._bring_back, 0),
    b"gs": (Ink._set_extended, 1),
    b"cs": (Ink._set_space, 1),
}
_COLOURS = {b"g": "/DeviceGray", b"rg": "/DeviceRGB", b"k": "/DeviceCMYK"}
_PAINTING = frozenset((b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"n", b"S", b"s", b"sh"))
_POINTS: dict[bytes, Any] = {
    b"m": lambda v: [(v[0], v[1])],
    b"l": lambda v: [(v[0], v[1])],
    b"c": lambda v: [(v[4], v[5])],
    b"v": lambda v: [(v[2], v[3])],
    b"y": lambda v: [(v[2], v[3])],
    b"re": lambda v: [(v[0] + dx, v[1] + dy) for dx in (0, v[2]) for dy in (0, v[3])],
}


def hidden_layers(reader: Any) -> frozenset[int]:
    """Return the layers (optional content groups) that are off when the file is opened, by their identity."""
    content = _resolved(reader.trailer["/Root"].get("/OCProperties")) or {}
    default = _resolved(content.get("/D")) or {}
    groups = [] if default.get("/BaseState") != "/OFF" else _resolved(content.get("/OCGs")) or []
    shown = {id(_resolved(group)) for group in _resolved(default.get("/ON")) or []}
    off = {id(_resolved(group)) for group in [*groups, *(_resolved(default.get("/OFF")) or [])]}
    return frozenset(off - shown)


def _resolved(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _is_white(space: Any, values: list[Any]) -> bool:
    """Say whether a fill colour is the paper's. In a colour space without a fixed meaning, none counts as such."""
    kind = space[0] if isinstance(space, list) and space else space
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if kind not in ("/DeviceGray", "/DeviceRGB", "/DeviceCMYK", "/CalGray", "/CalRGB", "/ICCBased"):
        return False
    if len(numbers) == _CMYKS:
        return sum(numbers) <= 1 - _LEAST_WHITE
    return len(numbers) in (_GRAYS, _RGBS) and min(numbers) >= _LEAST_WHITE


def _matrix_of(values: Any) -> Matrix:
    a, b, c, d, e, f = (float(value) for value in values)
    return a, b, c, d, e, f


def _times(first: Matrix, second: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    return matrix[0] * x + matrix[2] * y + matrix[4], matrix[1] * x + matrix[3] * y + matrix[5]
