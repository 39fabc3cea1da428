"""The numbers, letters and marks that a layout puts before the items of a list, and raises above a line."""

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_MAX_ROMAN = 4000
_LETTERS = 26
_RAISED = str.maketrans("0123456789+-()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ")


def to_letters(number: int) -> str:
    """Return a, b, … z, aa, bb as word processors count."""
    if number < 1:
        return str(number)
    place, repeated = (number - 1) % _LETTERS, (number - 1) // _LETTERS + 1
    return chr(ord("a") + place) * min(repeated, 10)


def to_roman(number: int) -> str:
    """Return a number in small Roman figures."""
    if not 0 < number < _MAX_ROMAN:
        return str(number)
    found = ""
    for value, figure in _ROMAN:
        found += figure * (number // value)
        number %= value
    return found


def raise_text(text: str) -> str:
    """Return a number that is written above the line with raised figures, anything else as it is."""
    raised = text.strip().translate(_RAISED)
    return text if any(character.isascii() and not character.isspace() for character in raised) else raised
