"""When the offline assistant asks for a tool, and how it says what the tool returned.

Rules of form, not of meaning: a question is for a tool only when all of it has the form of a calculation, a
question for the time, or a conversion between units that are named. Anything else is for the documents.
"""

import re
from datetime import datetime
from decimal import Context, InvalidOperation
from functools import cache
from zoneinfo import available_timezones

import orjson

from chatbot.model.port import ToolOffer, ToolRequest, ToolStep

_LONGEST = 300
_READABLE_DIGITS = 8
_POLITELY = r"(?:please |can you |could you ){0,3}"  # not without end: searched for, it would grow with its square
_LEAD = re.compile(
    r"(?:please |can you |could you ){0,3}(?:what(?:'s| is| are| does)|how much (?:is|are|does)|calculate|compute|"
    r"work out|evaluate|solve|tell me|and)? ?(?:the (?:result|value) of )?"
)
_ENDS = ("please", "equals to", "equal to", "equals", "equal", "make")
_MARKS = " ?.!="
_WORDS = {
    "multiplied by": "*", "times": "*", "x": "*", "×": "*", "·": "*", "divided by": "/", "over": "/", "÷": "/",
    "plus": "+", "minus": "-", "to the power of": "**", "^": "**", "squared": "**2", "cubed": "**3",
    "modulo": "%", "mod": "%", "−": "-",
}  # fmt: skip
_DIGITS = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred".split(),
        map(str, (*range(13), 20, 30, 40, 50, 100)),
        strict=True,
    )
)
_SIGN = re.compile("|".join(rf"(?<!\w){re.escape(w)}(?!\w)" if w[0].isalpha() and w != "×" else re.escape(w)
                            for w in sorted(_WORDS, key=len, reverse=True)))  # fmt: skip
_SPELT = re.compile(rf"\b({'|'.join(_DIGITS)})\b")
_SHARE = re.compile(r"(?<![\d.])([\d.]{1,40}) ?(?:%|percent|per cent) of (.+)")
_GROUPED = re.compile(r"\b\d{1,3}(?:,\d{3})+\b")
_EXPRESSION = re.compile(r"[0-9.+\-*/%() ]{3,200}")
_OPERATION = re.compile(r"[\d)] ?(?:\*\*|//|[-+*/%]) ?[-+(]*[\d.]")
_DATE = re.compile(r"\d{4}-\d{1,2}(-\d{1,2})?|\d{1,2}/\d{1,2}/\d{2,4}")
_TIME = re.compile(
    r"(?:please |can you |could you ){0,3}(?:tell me )?(?:what(?:'s| is) the (?:current |local )?time|what time is it|"
    r"what time it is|(?:the )?(?:current|local) time|what(?:'s| is) (?:the date|today's date)|"
    r"what day is (?:it|today))(?: (?:right )?now| today)?(?: (?:in|at) (?P<place>[\w .'/-]{2,40}?))?"
    r"(?: (?:right )?now| at the moment| currently| today)*[ ?.!]*"
)
_UNITS = r"""
    millimet(?:re|er)s? centimet(?:re|er)s? kilomet(?:re|er)s?|km met(?:re|er)s? inch(?:es)? feet|foot|ft yards? miles?
    mm cm m milligrams? kilograms?|kilos?|kg grams?|g mg tonnes? ounces?|oz pounds?|lbs? millilit(?:re|er)s?|ml
    lit(?:re|er)s?|l seconds? minutes? hours? days? weeks? km/h|kph mph knots? bytes? kilobytes?|kb megabytes?|mb
    gigabytes?|gb kibibytes?|kib mebibytes?|mib gibibytes?|gib kelvin celsius fahrenheit
""".split()
_UNIT = rf"(?:degrees? |°)?(?:{'|'.join(_UNITS)})|(?:imperial|us) (?:pints?|gallons?)|°[cf]"
_AMOUNT = r"(?P<value>-?\d{1,15}(?:\.\d{1,8})?|an?|one)"
_CONVERSIONS = tuple(
    re.compile(form + r"[ ?.!]*")
    for form in (
        rf"{_POLITELY}(?:convert |what(?:'s| is) |how much is )?{_AMOUNT} ?(?P<source>{_UNIT})"
        rf" (?:to|into|in) (?P<target>{_UNIT})",
        rf"how many (?P<target>{_UNIT})(?: are| is)?(?: there)?(?: in)? {_AMOUNT} ?(?P<source>{_UNIT})",
    )
)


def choose_request(question: str, tools: tuple[ToolOffer, ...]) -> ToolRequest | None:
    """Return the request for the offered tool that the question needs, or None."""
    text = " ".join(question.casefold().replace("’", "'").split())
    offered = {tool.name.rpartition("__")[2]: tool.name for tool in tools}
    if not offered or len(text) > _LONGEST:
        return None
    for tool, read in (("calculate", _expression), ("convert_units", _conversion), ("current_time", _zone)):
        if tool in offered and (arguments := read(text)) is not None:
            return ToolRequest("call_1", offered[tool], orjson.dumps(arguments).decode())
    return None


def say_result(step: ToolStep) -> str | None:
    """Return the sentence for what a tool returned, as plain text; None when it is not what the tool promises."""
    try:
        found = orjson.loads(step.result.text)
        match step.request.name.rpartition("__")[2]:
            case "calculate":
                return f"{_pretty(found['expression'])} {_sign(found)} {_shown(found, 'value')} (calculated)"
            case "convert_units":
                amount = f"{_shown(found, 'result')} {found['result_unit']}"
                return f"{found['value']} {found['unit']} {_sign(found)} {amount} (calculated)"
            case "current_time":
                now = datetime.fromisoformat(found["time"])
                day = f"{now:%A}, {now.day} {now:%B %Y}"
                return f"It is {now:%H:%M} on {day} in {found['zone']} (UTC{now.isoformat()[-6:]})."
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError, InvalidOperation):
        pass
    return None


def _expression(text: str) -> dict[str, str] | None:
    body = _LEAD.sub("", text, count=1).rstrip(_MARKS)
    for end in _ENDS:
        body = body.removesuffix(f" {end}").rstrip(_MARKS)
    body = _GROUPED.sub(lambda found: found[0].replace(",", ""), body)
    body = _SPELT.sub(lambda found: _DIGITS[found[1]], body)
    if share := _SHARE.fullmatch(body):
        body = f"{share[1]} / 100 * ({share[2]})"
    body = " ".join(_SIGN.sub(lambda found: f" {_WORDS[found[0]]} ", body).split())
    if not _EXPRESSION.fullmatch(body) or not _OPERATION.search(body) or _DATE.fullmatch(body):
        return None
    return {"expression": body}


def _zone(text: str) -> dict[str, str] | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    if found["place"] is None:
        return {}
    zone = _places().get(found["place"].removeprefix("the ").replace("_", " "))
    return None if zone is None else {"zone": zone}


@cache
def _places() -> dict[str, str]:
    """Return zones by the name of their place: `tokyo`, `new york`, `utc`, and by their own full name."""
    places: dict[str, str] = {}
    for zone in sorted(available_timezones(), reverse=True):  # of two with one name, the first in order stays
        if not zone.startswith(("Etc/", "posix/", "right/", "SystemV/")):
            plain = zone.casefold().replace("_", " ")
            places |= {plain: zone, plain.rpartition("/")[2]: zone}
    return places


def _conversion(text: str) -> dict[str, str] | None:
    found = next(filter(None, (form.fullmatch(text) for form in _CONVERSIONS)), None)
    if found is None:
        return None
    value = found["value"] if found["value"][-1].isdigit() else "1"
    source, target = (
        found[side].replace("°", "").removeprefix("degrees ").removeprefix("degree ") for side in ("source", "target")
    )
    return {"value": value, "source": source, "target": target}


def _sign(found: dict[str, object]) -> str:
    return "=" if found["exact"] is True else "≈"


def _shown(found: dict[str, str], field: str) -> str:
    """Return a number of a result; one that was rounded anyway is rounded to what people read."""
    return (
        found[field] if found["exact"] else str(Context(prec=_READABLE_DIGITS).create_decimal(found[field]).normalize())
    )


def _pretty(expression: str) -> str:
    text = expression.replace("**", "^").replace("//", " div ").replace("*", "×").replace("/", "÷")
    return " ".join(re.sub(r"([×÷+%]|(?<=[\d)])-)", r" \1 ", text.replace(" ", "")).replace("div", " div ").split())
