"""Keeping up with the template: an edited project takes a newer template's changes and keeps its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, TEMPLATE, Baked
from test_generation import tracked

FOLDER = TEMPLATE.name
BIN = Path(sys.executable).parent
EDITED, CLASHING, NEW, GONE = "chatbot/gateway/public.py", "frontend/styles.css", "chatbot/core/newer.py", "benchmarks/turn/bare_relay.py"


def git(folder: Path, *words: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@localhost", "GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@localhost"}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *words], cwd=folder, env=os.environ | identity | quiet, capture_output=True, text=True, check=True)
    return done.stdout


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of this template, as a repository with one commit."""
    copy = tmp_path / "template"
    for name in tracked(ROOT):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
        (copy / name).chmod((ROOT / name).stat().st_mode)
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(copy))
    commit(copy, "first")
    return copy


def edit_project(project: Path) -> None:
    """Edit as a user does: in the template's files, in one of their own, in the README."""
    public = (project / EDITED).read_text()
    (project / EDITED).write_text(public.replace('("GET", "/healthz"),', '("GET", "/healthz"),\n        ("GET", "/own"),'))
    (project / "chatbot/chat/own.py").write_text('"""My own."""\n')
    (project / "README.md").write_text("# Mine\n")


def release(template: Path, odd: bytes = b"<!-- \xff -->\n") -> str:
    """Make the next version: a change beside the user's, a new file, a removed one, a README."""
    below = template / FOLDER
    public = (below / EDITED).read_text()
    (below / EDITED).write_text(public.replace('"""Everything that may', '"""Security fix. Everything that may'))
    (below / NEW).write_text('"""New."""\n')
    (below / GONE).unlink()
    (below / "README.md").write_text((below / "README.md").read_text() + "\nMore.\n")
    (below / "frontend/icon.svg").write_bytes((below / "frontend/icon.svg").read_bytes() + odd)
    return commit(template, "second")


def check_updated(project: Path) -> None:
    public = (project / EDITED).read_text()
    assert '("GET", "/own"),' in public
    assert "Security fix." in public
    assert (project / NEW).exists()
    assert not (project / GONE).exists()
    assert (project / "chatbot/chat/own.py").exists()
    assert "<<<<<<<" not in public


@pytest.fixture
def project(bake: Callable[..., Baked], template: Path) -> Path:
    made = bake(template, project_name="Kept Up").project
    git(made, "init", "--quiet", "--initial-branch=main")
    commit(made, "generated")
    edit_project(made)
    commit(made, "mine")
    return made


def update(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "development/update.py", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_the_project_knows_its_commit(project: Path, template: Path) -> None:
    assert json.loads((project / ".template.json").read_text()) == {"commit": git(template, "rev-parse", "HEAD").strip()}


def test_a_plain_patch_brings_the_new_and_keeps_the_own(project: Path, template: Path) -> None:
    newest = release(template)
    done = update(project, str(template))
    assert done.returncode == 0, done.stdout + done.stderr
    check_updated(project)
    assert (project / "README.md").read_text() == "# Mine\n"
    assert json.loads((project / "frontend/project.json").read_text()) == {"name": "Kept Up"}
    assert json.loads((project / ".template.json").read_text()) == {"commit": newest}
    commit(project, "updated")
    git(project, "gc", "--quiet", "--prune=now")
    git(project, "fsck", "--strict")
    again = update(project, str(template))
    assert (again.returncode, git(project, "status", "--porcelain")) == (0, "")


def test_a_project_in_a_folder_of_a_larger_repository_is_updated(bake: Callable[..., Baked], template: Path) -> None:
    made = bake(template).project
    git(made.parent, "init", "--quiet", "--initial-branch=main")
    edit_project(made)
    commit(made.parent, "all at once")  # what was generated is in no commit of its own
    release(template)
    done = update(made, str(template))
    assert done.returncode == 0, done.stdout + done.stderr
    check_updated(made)


def test_where_both_changed_the_same_line_both_are_shown(project: Path, template: Path) -> None:
    for folder, name in ((project, "mine"), (template / FOLDER, "theirs")):
        lines = (folder / CLASHING).read_text().splitlines()
        lines[0] = f"/* {name} */"
        (folder / CLASHING).write_text("\n".join(lines) + "\n")
    commit(project, "clash")
    release(template)
    done = update(project, str(template))
    assert done.returncode == 1
    assert f"conflict  {CLASHING}" in done.stdout
    text = (project / CLASHING).read_text()
    assert "/* mine */" in text
    assert "/* theirs */" in text
    check_updated(project)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["/nowhere/at/all"], "git clone failed"),
        (["--", "--upload-pack=x"], "repository '--upload-pack=x' does not exist"),
        (["{template}", "--to", "no-such"], "no commit 'no-such'"),
        (["{template}", "--from", "0" * 40], "no commit"),
        (["{template}", "--to", "--output=/tmp/x"], "expected one argument"),
        (["{template}", "--to=--output=/tmp/x"], "no commit"),
    ],
)
def test_what_cannot_be_updated_is_left_alone(project: Path, template: Path, arguments: list[str], complaint: str) -> None:
    done = update(project, *(argument.format(template=template) for argument in arguments))
    assert done.returncode == 2
    assert complaint in done.stderr
    assert git(project, "status", "--porcelain") == ""


def test_uncommitted_work_is_never_touched(project: Path, template: Path) -> None:
    (project / "chatbot/chat/own.py").write_text("unsaved\n")
    release(template)
    done = update(project, str(template))
    assert done.returncode == 2
    assert "commit or stash" in done.stderr
    assert (project / "chatbot/chat/own.py").read_text() == "unsaved\n"


def test_a_project_from_a_changed_template_asks_for_its_commit(bake: Callable[..., Baked], template: Path) -> None:
    first = git(template, "rev-parse", "HEAD").strip()
    (template / "note").write_text("not committed")
    made = bake(template).project
    git(made, "init", "--quiet", "--initial-branch=main")
    commit(made, "generated")
    release(template)
    done = update(made, str(template))
    assert (done.returncode, "--from" in done.stderr) == (2, True)
    assert update(made, str(template), "--from", first).returncode == 0
    assert (made / NEW).exists()


def test_cruft_creates_and_updates(tmp_path: Path, template: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "PATH": f"{BIN}:{os.environ['PATH']}", "GIT_CONFIG_NOSYSTEM": "1"}

    def cruft(folder: Path, *words: str) -> None:
        command = [str(BIN / "cruft"), *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    made = tmp_path / "made"
    made.mkdir()
    cruft(made, "create", str(template), "--no-input")
    (project,) = made.iterdir()
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project, "generated")
    edit_project(project)
    commit(project, "mine")
    release(template, odd=b"<!-- text -->\n")  # cruft reads every difference as UTF-8; the plain patch does not
    cruft(project, "update", "--skip-apply-ask", "--allow-untracked-files")
    check_updated(project)
