"""What the ablation runner concludes: each way in which a claim can be wrong is a problem of its own."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from proof.experiments import Experiment, judge, plan
from proof.laboratory import Outcomes, changed_files
from proof.registry import Attack, Control, Registry

CONTRACT, NEIGHBOUR, GOAL = "tests/contract/test_a.py", "tests/contract/test_b.py", "tests/attacks/test_c.py::test_c"


def control(name: str, **changed: Any) -> Control:
    values: dict[str, Any] = {
        "id": name, "name": "A control", "point": "Application", "stops": "something bad", "fails": "closed", "module": "m",
        "contract": (CONTRACT,), "attack": ("tests/attacks/test_c.py",), "ablation": "p", "alone": "breached",
        "neighbours": (NEIGHBOUR,), "standards": ("X",),
    }  # fmt: skip
    return Control(**values | changed)


def attack(*sets: tuple[str, ...]) -> Attack:
    return Attack(id="an-attack", attacker="user", asset="thing", wins="the thing is gone", test=GOAL, breach_sets=sets)


ALONE = control("a-one")
CONTAINED = control("a-one", alone="contained", contained_by=("b-two",))
BREACH = Experiment(frozenset({"a-one"}), (attack(("a-one",)),), ALONE)
HELD = Experiment(frozenset({"a-one"}), (attack(("a-one", "b-two")),), CONTAINED)


def seen(contract: str = "red", neighbour: str = "passed", goal: str = "won", **refusals: int) -> Outcomes:
    named = {key.replace("_", "-"): count for key, count in refusals.items()}
    tests = {f"{CONTRACT}::test_x": contract, f"{NEIGHBOUR}::test_y": neighbour, GOAL: goal}
    return Outcomes(tests, dict.fromkeys(tests, "why"), {GOAL: Counter(named)})


def test_a_breach_as_claimed_is_no_problem() -> None:
    verdict = judge(BREACH, seen())
    assert verdict.problems == []
    assert (verdict.won, verdict.red) == (["an-attack"], 1)


def test_a_containment_as_claimed_is_no_problem() -> None:
    verdict = judge(HELD, seen(goal="passed", b_two=2))
    assert verdict.problems == []
    assert verdict.refusals["b-two"] == 2


@pytest.mark.parametrize(
    ("experiment", "outcomes", "complaint"),
    [
        (BREACH, seen(contract="passed"), "no test goes red"),
        (BREACH, seen(contract="broken"), "no test goes red"),
        (BREACH, seen(contract="skipped"), "no test goes red"),
        (BREACH, seen(neighbour="red"), "does not stay green"),
        (BREACH, seen(neighbour="broken"), "does not stay green"),
        (BREACH, seen(neighbour="skipped"), "does not stay green"),
        (BREACH, seen(goal="passed"), "the attacker loses"),
        (BREACH, seen(goal="broken"), "could not be played"),
        (BREACH, seen(goal="skipped"), "could not be played"),
        (BREACH, Outcomes(), "could not be played"),
        (HELD, seen(goal="won", b_two=2), "the attacker wins"),
        (BREACH, seen(goal="red"), "could not be played"),
        (HELD, seen(goal="red", b_two=2), "could not be played"),
        (HELD, seen(goal="passed"), "refused nothing"),
        (HELD, seen(goal="passed", a_one=1, b_two=1), "was taken away, and still refused"),
        (HELD, seen(goal="passed", c_three=2), "refused nothing"),
    ],
)
def test_each_wrong_claim_is_found(experiment: Experiment, outcomes: Outcomes, complaint: str) -> None:
    assert any(complaint in problem for problem in judge(experiment, outcomes).problems)


def test_each_breach_set_and_each_of_its_proper_subsets_is_tried() -> None:
    names = ("a-one", "b-two", "c-three")
    rows = tuple(control(name, alone="contained", contained_by=(names[0],)) for name in names)
    tried = [set(each.removed) for each in plan(Registry(control=rows, attack=(attack(names),)))]
    assert tried == [
        {"a-one"}, {"b-two"}, {"c-three"}, {"a-one", "b-two"}, {"a-one", "c-three"}, {"b-two", "c-three"}, set(names),
    ]  # fmt: skip


def test_every_changed_made_or_removed_file_is_seen(tmp_path: Path) -> None:
    for tree in ("a", "b"):
        (tmp_path / tree / "__pycache__").mkdir(parents=True)
        for name in ("same", "changed", "gone", "__pycache__/x"):
            (tmp_path / tree / name).write_text("1")
    (tmp_path / "b/changed").write_text("2")
    (tmp_path / "b/__pycache__/x").write_text("2")
    (tmp_path / "b/gone").unlink()
    (tmp_path / "b/new").touch()
    assert changed_files(tmp_path / "a", tmp_path / "b") == {"changed", "gone", "new"}
