"""What a browser says of itself, in words."""

import pytest

from chatbot.identity.browsers import describe_browser


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36 Edg/150.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "Unknown"),
        ("\u202e<script>alert(1)</script>" + "x" * 300, "scriptalert(1)/scriptxxxxxxxxxxxxxx"),
    ],
)  # fmt: skip
def test_a_browser_is_said_in_words(agent: str, said: str) -> None:
    assert describe_browser(agent).startswith(said)
    assert len(describe_browser(agent)) <= 40
