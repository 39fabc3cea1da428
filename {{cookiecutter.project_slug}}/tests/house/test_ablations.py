"""Ablations apply to the tree as it is, are brought along when it moves, and say so when they cannot be."""

import shutil
from pathlib import Path

import pytest

from proof.laboratory import BadPatch, apply, copy_without, patch_of, run_tests
from proof.refresh import rebased
from proof.registry import ROOT, load_registry

needs_labs = pytest.mark.skipif(not (ROOT / "labs").is_dir(), reason="this project was made without labs")
NAMES = [control.id for control in load_registry().control]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree") / "project"
    with copy_without(ROOT, frozenset()) as clean:
        shutil.copytree(clean, copy)
    return copy


@needs_labs
@pytest.mark.parametrize("name", NAMES)
def test_each_ablation_applies_exactly(tree: Path, name: str) -> None:
    apply(tree, patch_of(ROOT, name), "--check")


@needs_labs
def test_all_of_them_apply_together() -> None:
    with copy_without(ROOT, frozenset(NAMES)) as copy:
        assert (copy / "chatbot").is_dir()


@needs_labs
def test_one_that_no_longer_fits_says_so(tree: Path) -> None:
    (tree / "chatbot/jobs/envelope.py").write_text("# rewritten\n")
    with pytest.raises(BadPatch, match="queue-tamper: the patch no longer applies"):
        apply(tree, patch_of(ROOT, "queue-tamper"), "--check")


def small_project(folder: Path, content: str) -> Path:
    """Return a project with one file and one ablation of it."""
    (folder / "labs/a-b").mkdir(parents=True)
    (folder / "m.py").write_text(content)
    (folder / "labs/a-b/break.patch").write_text(
        "diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1,5 +1,5 @@\n one\n two\n-allowed = check()\n+allowed = True\n four\n five\n"
    )
    return folder


def test_one_whose_surroundings_changed_is_rebased(tmp_path: Path) -> None:
    root = small_project(tmp_path / "p", "new\nnewer\none\ntwo, changed\n\nallowed = check()\nfour\nfive\n")
    (root / "m.py").write_text("new\nnewer\nuno\ntwo\nallowed = check()\nfour\nfünf\n")
    with pytest.raises(BadPatch), copy_without(root, frozenset({"a-b"})):
        pass
    anew = rebased(root, patch_of(root, "a-b"))
    assert "-allowed = check()\n+allowed = True\n" in anew
    patch_of(root, "a-b").write_text(anew)
    with copy_without(root, frozenset({"a-b"})) as copy:
        assert "allowed = True" in (copy / "m.py").read_text()
    assert rebased(root, patch_of(root, "a-b")) == anew


def test_one_whose_place_is_gone_needs_a_person(tmp_path: Path) -> None:
    root = small_project(tmp_path / "p", "everything\nis\ndifferent\n")
    with pytest.raises(BadPatch, match="no longer applies"):
        rebased(root, patch_of(root, "a-b"))


def test_a_red_test_a_broken_one_and_a_skipped_one_are_told_apart(tmp_path: Path) -> None:
    """The runner's own eyes: only an assertion counts as red."""
    copy = tmp_path / "copy"
    (copy / "proof").mkdir(parents=True)
    (copy / "proof/__init__.py").touch()
    shutil.copy(ROOT / "proof/outcomes.py", copy / "proof")
    (copy / "test_x.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef bad():\n    assert False\n"
        "def test_green(): pass\n"
        "def test_red(): assert 1 == 2\n"
        "class AttackWon(AssertionError): pass\n"
        "def test_won(): raise AttackWon('x')\n"
        "def test_not_raised():\n    with pytest.raises(ValueError): pass\n"
        "def test_error(): import nothing_of_that_name\n"
        "def test_set_up(bad): pass\n"
        "def test_skipped(): pytest.skip('x')\n"
        "@pytest.mark.xfail(strict=True)\ndef test_expected(): assert False\n"
    )
    (copy / "test_y.py").write_text("import nothing_of_that_name\n")
    outcomes = run_tests(copy, ["test_x.py", "test_y.py"])
    assert outcomes.tests == {
        "test_x.py::test_green": "passed", "test_x.py::test_red": "red", "test_x.py::test_won": "won", "test_x.py::test_not_raised": "red",
        "test_x.py::test_error": "broken", "test_x.py::test_set_up": "broken", "test_x.py::test_skipped": "skipped",
        "test_x.py::test_expected": "skipped", "test_y.py": "broken",
    }  # fmt: skip
