"""One event is one line, whatever it holds."""

import json
import logging

from chatbot.monitoring.logs import JsonLines, PlainLines

HOSTILE = "a\r\nfake \x1b[31mline\x1b[0m \u2028 \u202e \x00 b"


def record(message, **extra):
    made = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": message})
    vars(made).update(extra)
    return made


def test_control_characters_are_escaped_in_both_forms():
    for form in (JsonLines(), PlainLines()):
        line = form.format(record(HOSTILE, field=HOSTILE))
        assert len(line.splitlines()) == 1
        assert not set(line) & set("\r\n\x1b\u2028\u202e\x00")


def test_json_lines_hold_what_was_said():
    event = json.loads(JsonLines().format(record(HOSTILE, field="v")))
    assert (event["event"], event["field"], event["level"]) == (HOSTILE, "v", "info")


def test_a_traceback_in_the_plain_form_cannot_look_like_an_event():
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        made = record("fault")
        made.exc_info = (type(error), error, error.__traceback__)
    lines = PlainLines().format(made).splitlines()
    assert all(line.startswith("    | ") for line in lines[1:])


def test_a_value_cannot_pass_for_another_field() -> None:
    record = logging.makeLogRecord({"msg": "seen", "name": "x", "blocked": 'y refused control=web-csp count=9 "'})
    line = PlainLines().format(record)
    assert line.endswith('blocked="y refused control=web-csp count=9 \\""')
