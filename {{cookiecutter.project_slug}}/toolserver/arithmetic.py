"""Exact arithmetic on a text that anybody may have written: numbers, + - * / // % ** and brackets, nothing else.

The text is parsed, never run: `ast` makes a tree, and only the kinds of node listed here have a meaning.
Every step is bounded, so that no short text can ask for a number that fills the memory.
"""

import ast
import operator
import re
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction

MOST_CHARACTERS = 200
_PERMITTED = re.compile(r"[0-9.+\-*/%() ]+")  # no letter: no name, no call, no attribute can be written
_DEEPEST = 40
_MOST_BITS = 1024  # of a numerator or denominator at any step: some 300 digits
_MOST_POWER = 1000
_MOST_PLACES = 30
_ROUNDED = Context(prec=20)

_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda left, right: Fraction(left // right),
    ast.Mod: operator.mod,
}


class BadExpression(ValueError):
    """The text has no value here. The message is safe to show."""


def evaluate(text: str) -> Fraction:
    """Return the exact value of an expression. Raises `BadExpression`."""
    if len(text) > MOST_CHARACTERS:
        raise BadExpression(f"an expression may have {MOST_CHARACTERS} characters")
    if not _PERMITTED.fullmatch(text):
        raise BadExpression("an expression holds numbers, + - * / // % ** and brackets only")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise BadExpression("this is not a complete expression") from None
    return _value(tree.body, text.strip(), 0)


def write_number(value: Fraction) -> tuple[str, bool]:
    """Return `value` in decimal digits, and whether they are exact; else they are 20 rounded digits."""
    places = next((n for n in range(_MOST_PLACES + 1) if 10**n % value.denominator == 0), None)
    if places is None:
        rounded = _ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))
        return str(rounded.normalize(_ROUNDED)), False
    digits = str(abs(value.numerator) * (10**places // value.denominator)).rjust(places + 1, "0")
    whole = digits if not places else f"{digits[:-places]}.{digits[-places:]}"
    return f"-{whole}" if value < 0 else whole, True


def _value(node: ast.expr, text: str, depth: int) -> Fraction:
    if depth > _DEEPEST:
        raise BadExpression("the expression is nested too deeply")
    if isinstance(node, ast.Constant):
        # read from the text itself: the parser has already rounded 0.1 to a binary fraction
        return _bounded(Fraction(text[node.col_offset : node.end_col_offset]))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        inner = _value(node.operand, text, depth + 1)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, text, depth + 1), _value(node.right, text, depth + 1)
        try:
            if isinstance(node.op, ast.Pow):
                return _power(left, right)
            if apply := _OPERATORS.get(type(node.op)):
                return _bounded(apply(left, right))
        except ZeroDivisionError:
            raise BadExpression("division by zero has no value") from None
    raise BadExpression("an expression holds numbers, + - * / // % ** and brackets only")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > _MOST_POWER:
        raise BadExpression(f"an exponent is a whole number from -{_MOST_POWER} to {_MOST_POWER}")
    # judged before it is computed: 9**9**9 must cost nothing
    if _bits(base) * abs(exponent.numerator) > _MOST_BITS * 2:
        raise BadExpression("the number is too large")
    return _bounded(Fraction(base**exponent.numerator))


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > _MOST_BITS:
        raise BadExpression("the number is too large")
    return value


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())
