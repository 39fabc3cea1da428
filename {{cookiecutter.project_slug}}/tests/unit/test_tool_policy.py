"""The tool gateway's judgement: who may call what, with which arguments."""

import json
from uuid import uuid4

import pytest

from chatbot.config.loading import BadSettings, load_settings
from chatbot.config.settings import ToolRule, ToolsSettings
from chatbot.core.principal import Principal, Role
from chatbot.core.untrusted import Untrusted
from chatbot.core.visible import visible_line, visible_text
from chatbot.model.port import Exchange, Prompt, ToolOffer, ToolRequest, ToolStep
from chatbot.tools.arguments import ArgumentChecker
from chatbot.tools.calls import ToolRefused, Verdict
from chatbot.tools.policy import ToolPolicy
from chatbot.tools.results import take_text
from chatbot.tools.schemas import BadSchema
from chatbot.wiring import build_tools
from development.tool_policy import RULES
from tests.unit.test_settings import GOOD

MEMBER = Principal(uuid4(), uuid4(), Role.MEMBER, "Anna")
ADMIN = Principal(uuid4(), uuid4(), Role.ADMIN, "Ada")
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "maximum": 9}, "deep": {"type": "array", "items": {"type": "null"}}},
    "required": ["n"],
    "additionalProperties": False,
}


def policy(**rule):
    return ToolPolicy({"probe": ToolRule.model_validate({"server": "s", "arguments": SCHEMA, **rule})})


def refusal(work):
    with pytest.raises(ToolRefused) as caught:
        work()
    return caught.value


def test_a_tool_without_a_rule_does_not_exist():
    refused = refusal(lambda: policy(roles=["member"]).permit(MEMBER, "other", untrusted=False))
    assert refused.verdict is Verdict.UNKNOWN


def test_a_rule_that_says_nothing_is_nobodys_and_the_strictest():
    rule = ToolRule.model_validate({"server": "s", "arguments": SCHEMA})
    assert (rule.roles, rule.effect, rule.sends_out) == ((), "write", True)
    for who in (MEMBER, ADMIN):
        assert list(policy().list_for(who)) == []
        assert refusal(lambda who=who: policy().permit(who, "probe", untrusted=False)).verdict is Verdict.ROLE


def test_another_role_is_told_nothing_that_an_unknown_name_is_not():
    rules = policy(roles=["admin"])
    forbidden = refusal(lambda: rules.permit(MEMBER, "probe", untrusted=False))
    unknown = refusal(lambda: rules.permit(MEMBER, "nothing", untrusted=False))
    assert (forbidden.verdict, forbidden.reason) == (Verdict.ROLE, unknown.reason)
    assert rules.permit(ADMIN, "probe", untrusted=False).name == "probe"


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        ({"effect": "none", "sends_out": False}, False),
        ({"effect": "write", "sends_out": False}, True),
        ({"effect": "none", "sends_out": True}, True),
        ({}, True),
    ],
)
def test_an_effect_or_a_way_out_ends_where_untrusted_text_begins(rule, refused):
    rules = policy(roles=["member"], **rule)
    assert rules.permit(MEMBER, "probe", untrusted=False)
    if refused:
        assert refusal(lambda: rules.permit(MEMBER, "probe", untrusted=True)).verdict is Verdict.UNTRUSTED
    else:
        assert rules.permit(MEMBER, "probe", untrusted=True)


def test_what_counts_as_untrusted_text():
    own = ToolOffer("probe", "The operator's words.", SCHEMA)
    theirs = ToolOffer("probe", Untrusted("The server's words.", "s"), SCHEMA)
    step = ToolStep(ToolRequest("1", "probe", "{}"), Untrusted("x", "s"))
    assert not Prompt("i", "q").holds_untrusted_text
    assert not Prompt("i", "q", tools=(own,)).holds_untrusted_text
    for more in ({"tools": (own, theirs)}, {"steps": (step,)}, {"passages": (Untrusted("x", "d"),)},
                 {"history": (Exchange("assistant", "x"),)}):  # fmt: skip
        assert Prompt("i", "q", **more).holds_untrusted_text


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 1, "x": 1}', '{"n": 10}', '{"n": "1"}', '{"n": true}', "{}", "", "[]", "1", "null", "{", '{"n": NaN}',
        "\x00", '{"n": 1, "deep": ' + "[" * 20 + "]" * 20 + "}", "[" * 10_000, '{"n": 1}' + " " * 20_000, "é" * 9000,
        '{"n": 1e999}', '{"n":1}{"n":2}', "__import__('os')", '{"n": 1, "n": 99}',
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_briefly_and_without_their_text(text):
    refused = refusal(lambda: ArgumentChecker(SCHEMA).read(text))
    assert refused.verdict is Verdict.ARGUMENTS
    assert len(refused.reason) < 200
    assert "__import__" not in refused.reason


def test_good_arguments_are_returned_as_data():
    assert ArgumentChecker(SCHEMA).read('{"n": 9}') == {"n": 9}


def test_an_empty_text_stands_for_no_arguments():
    assert ArgumentChecker({"type": "object", "properties": {}, "additionalProperties": False}).read("") == {}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "additionalProperties": False, "properties": {"x": {"type": "object"}}},
        {"type": "object", "additionalProperties": False, "properties": {"x": {"items": {"properties": {}}}}},
        {"type": "object", "additionalProperties": False, "anyOf": [{"type": "object"}]},
        {"type": "object", "additionalProperties": False, "properties": {"x": {"type": "nonsense"}}},
        {"type": "object", "additionalProperties": False, "properties": 3},
    ],
)
def test_a_schema_that_would_let_unknown_fields_in_is_refused(schema):
    with pytest.raises(BadSchema):
        ArgumentChecker(schema)


def test_a_reference_to_elsewhere_is_never_fetched():
    with pytest.raises(BadSchema, match=r"\$ref"):
        ArgumentChecker({**SCHEMA, "properties": {"n": {"$ref": "http://127.0.0.1:1/schema"}}})


def test_the_development_policy_is_closed():
    rules = ToolsSettings.model_validate(
        {"servers": {"sample": {"url": "http://127.0.0.1:1/mcp"}}, "rules": RULES}
    ).rules
    assert set(rules) == {"calculate", "current_time", "convert_units"}
    ToolPolicy(rules)
    for rule in rules.values():
        assert (rule.effect, rule.sends_out) == ("none", False)


def test_without_rules_there_is_no_gateway():
    assert build_tools(ToolsSettings()) is None
    assert build_tools(ToolsSettings.model_validate({"servers": {"s": {"url": "http://127.0.0.1:1/mcp"}}})) is None


def test_settings_that_cannot_hold_end_the_start(tmp_path):
    servers = {"s": {"url": "http://127.0.0.1:1/mcp"}}
    good = {"server": "s", "arguments": SCHEMA}

    def load(rules, servers=servers, **more):
        values = {"CHATBOT_TOOLS__SERVERS": json.dumps(servers), "CHATBOT_TOOLS__RULES": json.dumps(rules), **more}
        return build_tools(load_settings({**GOOD, **values}).tools)

    with pytest.raises(BadSettings, match="tools_credential_s is missing"):
        load({"probe": good})
    (tmp_path / "tools_credential_s").write_text("x" * 32 + "\n")
    folder = {"CHATBOT_SECRETS_FOLDER": str(tmp_path)}
    assert load({"probe": good}, **folder)
    for rule, named in (
        ({**good, "server": "other"}, "not among the servers: other"),
        ({**good, "arguments": {"type": "object"}}, "additionalProperties"),
        ({**good, "effect": "read"}, "effect"),
        ({**good, "rolls": ["member"]}, "rolls"),
        ({**good, "seconds": 1e9}, "seconds"),
    ):
        with pytest.raises(BadSettings, match=named):
            load({"probe": rule}, **folder)
    with pytest.raises(BadSettings, match="put it into the file tools_credential_<name>"):
        load({"probe": good}, CHATBOT_TOOLS__CREDENTIAL="{}", **folder)
    with pytest.raises(BadSettings, match="without credentials"):
        load({"probe": good}, {"s": {"url": "http://user:pass@127.0.0.1/mcp"}}, **folder)
    with pytest.raises(BadSettings, match="TOOLS__SERVERS, s: production needs an https address"):
        load({"probe": good}, CHATBOT_ENVIRONMENT="production", **folder)


def test_what_people_cannot_see_is_removed():
    assert visible_text("plain\ttext\r\nline") == "plain\ttext\nline"
    assert visible_text("a\u202eb\u2066c\u200b\ufeff\U000e0041\U000e0020d\x07\x9b\u00ad") == "abcd"
    assert visible_text("a\u200db \u200c\u200d x\u3164y\u2800z\ufe0f\U000e0100") == "ab  xyz"
    kept = "می\u200cخواهم 👩\u200d🚀 naïve 日本語 क्\u200dष"
    assert visible_text(kept) == kept
    assert visible_line("one\n\n two\x00", 7) == "one two"[:7]


def test_a_result_is_cut_at_bytes_and_names_what_is_missing():
    assert take_text(["a" * 50], (), "s/t", 50) == Untrusted("a" * 50, "s/t")
    assert take_text(["é" * 50], (), "s/t", 51).text == "é" * 11 + "\n[cut: the result was longer]"
    assert take_text([], ("image", "image", "audio"), "s/t", 99).text == "[left out: audio, image]"
    assert take_text(["\u200b"], (), "s/t", 99).text == "[the tool returned no text]"


@pytest.mark.parametrize("size", [1, 9, 29, 30, 31, 80, 100, 500])
def test_no_result_is_longer_than_its_rule_says_whatever_is_added(size):
    for texts in ([], ["é" * 500], ["a", "\u200d" * 900, "👩\u200d🚀" * 40], ["\n" * 600 + "x"], ["x" * 69]):
        for kinds in ((), ("image",), ("audio", "image", "other", "resource", "resource_link") * 30):
            text = take_text(texts, kinds, "s/t", size).text
            assert len(text.encode()) <= size
            assert text == visible_text(text)
