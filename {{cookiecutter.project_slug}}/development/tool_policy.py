"""The development stack's policy for tools: the sample server's three, for everybody, each with a narrow schema."""

import json

SERVER = "sample"
_EVERYBODY = ["member", "admin"]
# read-only tools without a way out: both have to be said, since a rule's defaults are the strictest
_HARMLESS = {
    "server": SERVER,
    "roles": _EVERYBODY,
    "effect": "none",
    "sends_out": False,
    "seconds": 5,
    "most_bytes": 4096,
}


def _strings(required: list[str], **properties: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", **rest} for name, rest in properties.items()},
        "required": required,
        "additionalProperties": False,
    }


RULES = {
    "calculate": _HARMLESS
    | {
        "description": "Work out an arithmetic expression exactly: numbers, + - * / // % ** and brackets.",
        "arguments": _strings(
            ["expression"], expression={"minLength": 1, "maxLength": 200, "description": "such as (17 + 3) * 2 ** 4"}
        ),
    },
    "current_time": _HARMLESS
    | {
        "description": "Tell the time now in a time zone.",
        "arguments": _strings(
            [], zone={"minLength": 1, "maxLength": 64, "description": "IANA name, such as Asia/Tokyo; UTC if left out"}
        ),
    },
    "convert_units": _HARMLESS
    | {
        "description": "Convert a value between units of length, mass, volume, time, speed, data or temperature.",
        "arguments": _strings(
            ["value", "source", "target"],
            value={"minLength": 1, "maxLength": 40, "description": "a decimal number, such as 2.5"},
            source={"minLength": 1, "maxLength": 32, "description": "a unit, such as km, kg or celsius"},
            target={"minLength": 1, "maxLength": 32, "description": "a unit of the same kind"},
        ),
    },
}


def tool_settings(port: int) -> dict[str, str]:
    """Return the gateway's settings for the sample server at loopback `port`."""
    return {
        "CHATBOT_TOOLS__SERVERS": json.dumps({SERVER: {"url": f"http://127.0.0.1:{port}/mcp"}}),
        "CHATBOT_TOOLS__RULES": json.dumps(RULES),
    }
