"""Brings ablations up to date after a refactoring: applies each as well as it can be, and writes it anew."""

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from proof.laboratory import BadPatch, apply, copy_without, patch_of
from proof.registry import load_registry

_GIT = ("git", "-c", "user.name=lab", "-c", "user.email=lab@localhost", "-c", "commit.gpgsign=false")


def refresh_labs(root: Path, wanted: Iterable[str]) -> int:
    """Rewrite every ablation whose context has moved; exit status 1 when one needs a person."""
    chosen = set(wanted) or {control.id for control in load_registry(root).control}
    stuck = 0
    for control in sorted(chosen):
        patch = patch_of(root, control)
        try:
            anew = rebased(root, patch)
        except BadPatch as error:
            stuck += 1
            print(f"stuck     {control}: write its patch anew. {error}")
            continue
        if anew == patch.read_text("utf-8"):
            print(f"current   {control}")
        else:
            patch.write_text(anew, encoding="utf-8")
            print(f"refreshed {control}: read the difference, then run make labs-check ID={control}")
    return 1 if stuck else 0


def rebased(root: Path, patch: Path) -> str:
    """Return the patch as it applies to the project as it is now. Raises `BadPatch` when it cannot be placed."""
    with copy_without(root, frozenset()) as copy:
        _git(copy, "init", "--quiet")
        _git(copy, "add", "--all")
        _git(copy, "commit", "--quiet", "--message", "now")
        try:
            apply(copy, patch)
        except BadPatch:
            apply(copy, patch, "--recount", "-C1")  # one line of context must still be where it was
        return _git(copy, "diff", "--no-color", "--no-ext-diff", "--abbrev=10")


def _git(copy: Path, *arguments: str) -> str:
    with tempfile.TemporaryDirectory() as home:  # nobody's own settings change a patch
        own = {"HOME": home, "PATH": "/usr/local/bin:/usr/bin:/bin"}
        done = subprocess.run([*_GIT, *arguments], cwd=copy, env=own, capture_output=True, text=True, check=True)
    return done.stdout
