"""A sample MCP server: three read-only tools over streamable HTTP, stateless (protocol 2026-07-28)."""

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp

from toolserver.arithmetic import MOST_CHARACTERS, BadExpression, evaluate, write_number
from toolserver.clock import UnknownZone, time_in
from toolserver.door import Door
from toolserver.units import UnknownUnit, convert

PATH = "/mcp"
_MOST_BODY_BYTES = 16 * 1024
_READS_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

Expression = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS, description="such as (17 + 3) * 2 ** 4")]
Zone = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$", description="IANA name, such as Asia/Tokyo")
]
Number = Annotated[str, Field(max_length=40, pattern=r"^-?[0-9]{1,30}([.][0-9]{1,8})?$", description="such as 2.5")]
UnitName = Annotated[str, Field(min_length=1, max_length=32, description="such as km, mile, kg, celsius")]


class Strict(BaseModel):
    """A result whose schema names every field it can have."""

    model_config = ConfigDict(extra="forbid")


class Calculation(Strict):
    """The value of an expression."""

    expression: str
    value: str
    exact: bool


class Moment(Strict):
    """A time in a zone, ISO 8601."""

    zone: str
    time: str
    weekday: str


class Conversion(Strict):
    """A value in another unit."""

    value: str
    unit: str
    result: str
    result_unit: str
    exact: bool


def calculate(expression: Expression) -> Calculation:
    """Work out an arithmetic expression exactly. It may hold numbers, + - * / // % ** and brackets."""
    try:
        value, exact = write_number(evaluate(expression))
    except BadExpression as error:
        raise ToolError(str(error)) from error
    return Calculation(expression=expression, value=value, exact=exact)


def current_time(zone: Zone = "UTC") -> Moment:
    """Tell the time now in a time zone."""
    try:
        now = time_in(zone)
    except UnknownZone as error:
        raise ToolError(str(error)) from error
    return Moment(zone=zone, time=now.isoformat(), weekday=now.strftime("%A"))


def convert_units(value: Number, source: UnitName, target: UnitName) -> Conversion:
    """Convert a value from one unit to another: length, mass, volume, time, speed, data or temperature."""
    try:
        given = Fraction(value)
        converted, old, new = convert(given, source, target)
    except UnknownUnit as error:
        raise ToolError(str(error)) from error
    result, exact = write_number(converted)
    return Conversion(
        value=value,
        unit=old.name_for(given),
        result=result,
        result_unit=new.name_for(converted),
        exact=exact,
    )


def build_application(port: int, credential: str) -> ASGIApp:
    """Return the ASGI application for a server on loopback `port` whose clients hold `credential`."""
    server = MCPServer(
        "sample",
        title="Sample tools",
        tools=[_strict(calculate), _strict(current_time), _strict(convert_units)],
        subscriptions=False,
        log_level="WARNING",
    )
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=_MOST_BODY_BYTES,
        # no page may call it, not even one whose name was made to point here (DNS rebinding)
        transport_security=TransportSecuritySettings(allowed_hosts=[f"127.0.0.1:{port}"], allowed_origins=[]),
    )
    return Door(app, credential)


def _strict(function: Callable[..., object]) -> Tool:
    """Return the tool whose schema refuses fields that it does not name; the SDK's own would ignore them."""
    tool = Tool.from_function(function, annotations=_READS_ONLY)
    model = tool.fn_metadata.arg_model
    model.model_config["extra"] = "forbid"
    model.model_rebuild(force=True)
    tool.parameters = model.model_json_schema(by_alias=True)
    return tool
