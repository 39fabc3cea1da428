"""The project's own rules: the tree keeps them, and each catches its bad samples and lets its good ones pass."""

import ast
from pathlib import Path, PurePosixPath

import pytest

from proof.lint import RULES, check_tree, crowded_folders, sources
from proof.rules.rule import Rule

ROOT = Path(__file__).parents[2]
SAMPLES = [(rule, text) for rule in RULES for text in rule.bad]
GOOD = [(rule, text) for rule in RULES for text in rule.good]


def named(value: object) -> str:
    return value.name if isinstance(value, Rule) else str(value)[:30]


@pytest.fixture(scope="module")
def findings() -> list[str]:
    return [str(finding) for finding in check_tree(ROOT)]


def test_the_rules_see_the_whole_tree() -> None:
    seen = {str(source.path) for source in sources(ROOT)}
    assert len(seen) > 120
    assert {"chatbot/gateway/application.py", "frontend/scripts/nodes.js", "migrations/sql/0001_context.sql"} <= seen


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_the_tree_keeps_the_rule(findings: list[str], rule: Rule) -> None:
    assert [finding for finding in findings if f": {rule.name}: " in finding] == []


@pytest.mark.parametrize(("rule", "text"), SAMPLES, ids=named)
def test_each_rule_catches_its_bad_sample(rule: Rule, text: str) -> None:
    assert rule.check(rule.sample(text)), "the rule lets this pass"


@pytest.mark.parametrize(("rule", "text"), GOOD, ids=named)
def test_each_rule_lets_its_good_sample_pass(rule: Rule, text: str) -> None:
    assert rule.check(rule.sample(text)) == []


def test_every_rule_has_a_reason_and_a_sample() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.why, rule.name
        assert rule.bad, rule.name


def test_no_folder_holds_more_modules_than_one_keeps_in_mind() -> None:
    paths = [source.path for source in sources(ROOT)]
    assert crowded_folders(paths) == []
    crowd = [PurePosixPath(f"chatbot/crowd/m{number}.py") for number in range(16)]
    assert crowded_folders(crowd) == [PurePosixPath("chatbot/crowd")]
    assert crowded_folders([*crowd[:15], PurePosixPath("chatbot/crowd/__init__.py")]) == []


def test_the_samples_are_python_where_they_say_so() -> None:
    for rule, text in SAMPLES + GOOD:
        if rule.sample_path.endswith(".py") and rule.name != "template-syntax":
            ast.parse(text)
