"""The registry and the tree, held against each other both ways; every kind of contradiction is found."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from proof.graph import failures_between
from proof.laboratory import changed_files, copy_without
from proof.registry import FILE, ROOT, BadRegistry, Registry, load_registry

REGISTRY = load_registry()
ROWS = {control.id: control for control in REGISTRY.control}
needs_labs = pytest.mark.skipif(not (ROOT / "labs").is_dir(), reason="this project was made without labs")


def test_every_attack_file_and_every_contract_file_has_a_row() -> None:
    named = {test.partition("::")[0] for control in REGISTRY.control for test in (*control.attack, *control.contract)}
    named |= {attack.test.partition("::")[0] for attack in REGISTRY.attack}
    there = {
        str(path.relative_to(ROOT))
        for folder in ("attacks", "contract")
        for path in ROOT.glob(f"tests/{folder}/test_*.py")
    }
    assert there <= named


@needs_labs
def test_every_lab_has_a_row() -> None:
    assert {path.name for path in (ROOT / "labs").iterdir() if path.is_dir()} == set(ROWS)


@needs_labs
@pytest.mark.parametrize("name", ROWS)
def test_an_ablation_touches_its_control_s_own_files_and_no_other(name: str) -> None:
    with copy_without(ROOT, frozenset({name})) as copy:
        changed = changed_files(ROOT, copy)
    assert changed
    assert changed <= set(ROWS[name].files)


@pytest.mark.parametrize("name", ROWS)
def test_a_control_s_module_says_which_control_it_is_and_how_it_fails(name: str) -> None:
    text = (ROOT / ROWS[name].module).read_text()
    if name != "sql-params":  # it is how every statement of the database folder is written, and no module
        assert re.search(rf"control {name}\b", text), "the docstring names the control"
        assert re.search(r"[Ff]ails\s+(--\s+)?closed", text), "the docstring says how it fails"


def test_what_the_code_calls_a_control_is_one() -> None:
    for path in [*ROOT.glob("chatbot/**/*.py"), *ROOT.glob("frontend/**/*.js"), *ROOT.glob("migrations/**/*.sql")]:
        for name in re.findall(r"control ([a-z]+-[a-z]+)\b", path.read_text()):
            assert name in ROWS, f"{path}: {name}"


def test_whatever_notes_a_refusal_names_a_control() -> None:
    for path in ROOT.glob("chatbot/**/*.py"):
        text = path.read_text()
        for name in re.findall(r"note_refusal\(\s*\"([^\"]+)\"", text) + re.findall(r"\bcontrol = \"([^\"]+)\"", text):
            assert name in ROWS, f"{path}: {name}"


def test_the_graph_counts_the_fewest_failures() -> None:
    fewest = failures_between(REGISTRY)
    assert fewest["model", "the reader's browser"] == 3
    assert fewest["query", "another tenant's rows"] == 1
    assert set(fewest) == {(attack.attacker, attack.asset) for attack in REGISTRY.attack}


# contradictions


def row(**changed: Any) -> dict[str, Any]:
    return {
        "id": "one-control", "name": "One", "point": "Application", "stops": "something that is bad", "fails": "closed",
        "module": "one.py", "contract": ["tests/test_one.py"], "attack": ["tests/test_one.py"],
        "ablation": "labs/one-control/break.patch", "alone": "breached", "neighbours": ["tests/test_one.py"], "standards": ["X 1"],
    } | changed  # fmt: skip


def attack(**changed: Any) -> dict[str, Any]:
    return {
        "id": "one-attack", "attacker": "user", "asset": "a thing", "wins": "the thing is taken away",
        "test": "tests/test_one.py::test_one", "breach_sets": [["one-control"]],
    } | changed  # fmt: skip


OTHER = row(id="other-control", module="other.py", ablation="labs/other-control/break.patch")


def toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(each) for each in value)}]"
    return f'"{value}"'


def judged(folder: Path, rows: list[dict[str, Any]], attacks: list[dict[str, Any]]) -> Registry:
    for file in ("one.py", "other.py", "labs/one-control/break.patch", "labs/other-control/break.patch"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests/test_one.py").write_text("def test_one():\n    pass\n")
    tables = [("control", each) for each in rows] + [("attack", each) for each in attacks]
    text = "\n".join(
        f"[[{kind}]]\n" + "\n".join(f"{key} = {toml(value)}" for key, value in each.items()) for kind, each in tables
    )
    tomllib.loads(text)
    (folder / FILE).write_text(text)
    return load_registry(folder)


def test_a_sound_registry_is_read(tmp_path: Path) -> None:
    assert judged(tmp_path, [row()], [attack()]).control[0].id == "one-control"


@pytest.mark.parametrize(
    ("rows", "attacks", "complaint"),
    [
        ([row(module="gone.py")], [attack()], "there is no gone.py"),
        ([row(parts=["gone.sql"])], [attack()], "there is no gone.sql"),
        ([row(contract=["tests/gone.py"])], [attack()], "there is no tests/gone.py"),
        ([row(contract=["tests/test_one.py::test_gone"])], [attack()], "there is no tests/test_one.py::test_gone"),
        ([row(neighbours=["tests/test_one.py::test_on"])], [attack()], "there is no"),
        ([row(ablation="labs/other-control/break.patch")], [attack()], "its ablation must be"),
        ([row(), row()], [attack()], "stands twice"),
        ([row()], [attack(), attack()], "stands twice"),
        (
            [row(), {**OTHER, "module": "one.py"}],
            [attack(), attack(id="b-c", breach_sets=[["other-control"]])],
            "belongs to",
        ),
        ([row()], [attack(breach_sets=[["un-known"]])], "un-known is no control"),
        ([row()], [attack(test="tests/test_one.py::test_two")], "there is no"),
        ([row(attack=["tests/test_two.py"])], [attack()], "attack files lack"),
        ([row(), OTHER], [attack(breach_sets=[["one-control"], ["one-control", "other-control"]])], "not minimal"),
        ([row(), OTHER], [attack()], "other-control: no attack needs it gone"),
        ([row(alone="contained", contained_by=["other-control"]), OTHER], [attack()], "breach sets say otherwise"),
        ([row(), OTHER], [attack(breach_sets=[["one-control", "other-control"]])], "breach sets say otherwise"),
        (
            [row(contained_by=["other-control"]), OTHER],
            [attack(), attack(id="b-c", breach_sets=[["other-control"]])],
            "goes with",
        ),
        ([row(alone="contained")], [attack(breach_sets=[["one-control"]])], "goes with"),
        ([row(stops="short")], [attack()], "stops"),
        ([row(id="Bad")], [attack()], "id"),
        ([row(fails="sometimes")], [attack()], "fails"),
        ([row(point="Somewhere")], [attack()], "point"),
        ([row(surplus="x")], [attack()], "surplus"),
        ([row(standards=[])], [attack()], "standards"),
        ([row()], [attack(attacker="nobody")], "attacker"),
        ([row()], [attack(breach_sets=[])], "breach_sets"),
        ([row()], [attack(breach_sets=[[]])], "breach_sets"),
    ],
)
def test_a_contradiction_is_found_and_named(
    tmp_path: Path, rows: list[dict[str, Any]], attacks: list[dict[str, Any]], complaint: str
) -> None:
    with pytest.raises(BadRegistry, match=re.escape(complaint)):
        judged(tmp_path, rows, attacks)
