"""The sample MCP server: exact, bounded, and closed to whoever lacks its credential."""

import time
from fractions import Fraction

import pytest

from tests.doubles.asgi import Answered, call
from toolserver.arithmetic import BadExpression, evaluate, write_number
from toolserver.clock import UnknownZone, time_in
from toolserver.server import build_application, convert_units
from toolserver.units import UnknownUnit, convert


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17*3", "51"), ("0.1+0.2", "0.3"), ("2**10", "1024"), ("2**-3", "0.125"), ("-7//2", "-4"), ("-7%3", "2"),
        ("1/7*7", "1"), ("((1))", "1"), ("+5", "5"), (" 1 + 1 ", "2"), (".5", "0.5"), ("-0.5", "-0.5"), ("0/5", "0"),
        ("2**1000", str(2**1000)), ("1.10", "1.1"), ("100*(1+0.05)**2", "110.25"),
    ],
)  # fmt: skip
def test_arithmetic_is_exact(text, value):
    assert write_number(evaluate(text)) == (value, True)


def test_what_has_no_end_is_rounded_and_says_so():
    assert write_number(evaluate("1/3")) == ("0.33333333333333333333", False)
    assert write_number(Fraction(-2, 3)) == ("-0.66666666666666666667", False)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "()", "1/0", "0**-1", "1//0", "1%0", "9**9**9", "10**300*10**300*10**300", "(10**300)**1000", "2**0.5",
        "__import__('os').system('id')", "().__class__", "1 if 1 else 2", "lambda: 1", "[1]", "{1}", "1,2", "1;2", "x",
        "1e9", "0x10", "1_000", "1j", "True", "'a'*9", "1<2", "1&2", "1<<99999999", "~1", "not 1", "1(2)", "1 2",
        "(" * 199, "(" * 100 + ")" * 100, "-" * 199 + "1", "1+" * 99 + "1" * 500, "007", "1.5.2", "1\n+1", "１+１", "\x00",
        "1**1000000", "*".join(["9" * 60] * 3 + ["(10**300)"] * 1), "9" * 199 + "**9",
    ],
)  # fmt: skip
def test_hostile_expressions_are_refused_at_once(text):
    begun = time.perf_counter()
    with pytest.raises(BadExpression):
        value = evaluate(text)
        raise AssertionError(f"it has the value {write_number(value)[0][:40]}")
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        ("5", "km", "metre", "5000"), ("100", "°C", "F", "212"), ("-40", "fahrenheit", "celsius", "-40"),
        ("1", "knots", "km/h", "1.852"), ("12", "inches", "foot", "1"), ("1", "GiB", "MiB", "1024"),
    ],
)  # fmt: skip
def test_units_convert_exactly(value, source, target, result):
    assert write_number(convert(Fraction(value), source, target)[0]) == (result, True)


def test_units_are_named_as_many_as_they_are():
    conversion = convert_units("1", "mile", "km")
    assert (conversion.unit, conversion.result, conversion.result_unit) == ("mile", "1.609344", "kilometres")


@pytest.mark.parametrize(("source", "target"), [("km", "kg"), ("parsec", "km"), ("../km", "km"), ("", "km")])
def test_what_is_no_unit_is_refused(source, target):
    with pytest.raises(UnknownUnit):
        convert(Fraction(1), source, target)


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe", "UTC\x00", "utc "])
def test_what_is_no_zone_is_refused(zone):
    with pytest.raises(UnknownZone):
        time_in(zone)


def test_time_has_the_zones_offset():
    assert time_in("Asia/Tokyo").utcoffset().total_seconds() == 9 * 3600


CREDENTIAL = "c" * 40
HEADERS = {"host": "127.0.0.1:9", "authorization": f"Bearer {CREDENTIAL}"}


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Bearer "},
        {"authorization": f"Bearer {CREDENTIAL[:-1]}"}, {"authorization": f"Bearer {CREDENTIAL}c"},
        {"authorization": f"bearer {CREDENTIAL}"}, {"authorization": f"Basic {CREDENTIAL}"}, {"x-authorization": f"Bearer {CREDENTIAL}"},
    ],
)  # fmt: skip
def test_nobody_comes_in_without_the_credential(headers):
    for path in ("/mcp", "/", "/healthz"):
        reply = ask(path, {"host": "127.0.0.1:9", **headers})
        assert (reply.status, reply.body) == (401, b"")


def test_a_second_credential_is_refused():
    assert ask("/mcp", [*HEADERS.items(), ("authorization", "Bearer x")]).status == 401


def test_a_short_credential_is_refused():
    with pytest.raises(ValueError, match="32 characters"):
        build_application(9, "short")


def ask(path: str, headers) -> Answered:
    lines = [
        (name.encode(), value.encode()) for name, value in (headers.items() if isinstance(headers, dict) else headers)
    ]
    return call(build_application(9, CREDENTIAL), "POST", path, lines)
