"""API keys as text: what has their form and what only looks like it (api-auth)."""

import pytest

from chatbot.identity.keys import PREFIX, is_key, new_key

KEY = new_key()
BODY = KEY.removeprefix(PREFIX)
OTHER = "0" if BODY[0] != "0" else "1"


def test_a_new_key_has_the_form_of_one() -> None:
    assert is_key(KEY) and len(KEY) == 53


@pytest.mark.parametrize(
    "text",
    ["", PREFIX, BODY, f"CBK_{BODY}", f"sk-_{BODY}", KEY[:-1], f"{KEY}0", f"{KEY}\n", f" {KEY}", f"{PREFIX}{OTHER}{BODY[1:]}",
     f"{PREFIX}{BODY[:-1]}{'0' if BODY[-1] != '0' else '1'}", f"{PREFIX}é{BODY[1:]}", f"{PREFIX}-{BODY[1:]}", f"{PREFIX}٣{BODY[1:]}"],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_key_is_known_without_a_look_up(text: str) -> None:
    assert not is_key(text)
