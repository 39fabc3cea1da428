"""The time in a zone of the IANA database."""

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones


class UnknownZone(ValueError):
    """The database has no such zone. The message is safe to show."""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def time_in(zone: str) -> datetime:
    """Return the time now in `zone`, a name such as `Asia/Tokyo`. Raises `UnknownZone`."""
    if zone not in _zones():  # a name from the list, so never a path of the caller's
        raise UnknownZone("no such time zone: give a name of the IANA database, such as Europe/Berlin")
    return datetime.now(UTC).astimezone(ZoneInfo(zone)).replace(microsecond=0)
