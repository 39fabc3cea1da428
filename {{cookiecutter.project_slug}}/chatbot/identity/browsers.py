"""What a browser says of itself, as a few words that a person recognises."""

import re

from chatbot.core.visible import visible_line

_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
_PLAIN = re.compile(r"[^\w ./()-]")


def describe_browser(agent: str) -> str:
    """Return browser and system for a User-Agent header; of an unknown one its first words, made harmless."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    return _PLAIN.sub("", visible_line(agent, 40)) or "Unknown"
