"""Brings a generated project up to a newer template: the template's own difference, applied as a patch with git.

    python3 development/update.py TEMPLATE [--from COMMIT] [--to COMMIT]

TEMPLATE is the template's repository: an address or a folder. The difference between the commit that this project was
made from (.template.json) and the newer one is merged into the work tree; your own edits stay, and where both changed
the same lines, git's conflict markers show both. Nothing is committed. Standard library and git only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ".template.json"
_FOLDER = "{" + "{cookiecutter.project_slug}}"
# rendered or written with the project's own answers: a difference of the template's would not fit
_OWN = ("README.md", "frontend/project.json")


class CannotUpdate(Exception):
    """The update was not begun. The text says why and what to do."""


def update(project: Path, template: str, begin: str | None, end: str) -> list[str]:
    """Merge the template's changes into `project` and return the files in conflict. Raises `CannotUpdate`."""
    if _git(project, "status", "--porcelain", "."):
        raise CannotUpdate("There are changes that are not committed: commit or stash them first.")
    record = project / RECORD
    begin = begin or (json.loads(record.read_text("utf-8"))["commit"] if record.exists() else None)
    if begin is None:
        raise CannotUpdate("This project does not know which commit it was made from: say so with --from COMMIT.")
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "template"
        _git(Path(folder), "clone", "--quiet", "--no-checkout", "--", template, str(clone))
        begin, end = _commit(clone, begin), _commit(clone, end)
        kept_out = [f":(exclude){_FOLDER}/{name}" for name in _OWN]
        difference = _git(
            clone, "diff", "--binary", "--full-index", f"--relative={_FOLDER}", begin, end, "--", ".", *kept_out
        )
        if difference:
            # the versions that the template's files had, so that git can merge where a patch would not fit
            _git(clone, "config", "uploadpack.allowAnySHA1InWant", "true")
            _git(project, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(clone), begin, end)
            _apply(project, difference)
    record.write_text(json.dumps({"commit": end}) + "\n", encoding="utf-8")
    _git(project, "add", "--", RECORD)
    return _git(project, "diff", "--name-only", "--diff-filter=U", "--relative").split("\n")[:-1]


def _apply(project: Path, difference: str) -> None:
    below = _git(project, "rev-parse", "--show-prefix").strip()
    command = ["git", "apply", "--3way", "--whitespace=nowarn", *([f"--directory={below}"] if below else [])]
    top = _git(project, "rev-parse", "--show-toplevel").strip()
    done = subprocess.run(
        command, cwd=top, input=difference.encode("utf-8", "surrogateescape"), capture_output=True, check=False
    )
    if done.returncode and not _git(project, "diff", "--name-only", "--diff-filter=U"):
        raise CannotUpdate(f"git could not apply the difference: {done.stderr.decode(errors='replace').strip()[-600:]}")


def _commit(clone: Path, name: str) -> str:
    for spelling in (name, f"origin/{name}"):
        try:
            return _git(clone, "rev-parse", "--verify", "--quiet", "--end-of-options", spelling + "^{commit}").strip()
        except CannotUpdate:
            continue
    raise CannotUpdate(f"The template has no commit {ascii(name)[:60]}.")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise CannotUpdate(f"git {words[0]} failed: {said[-1][:300]}")
    return done.stdout.decode("utf-8", "surrogateescape")


def main() -> int:
    """Run from the command line; exit status 0, 1 when there are conflicts to resolve, 2 when nothing was begun."""
    parser = argparse.ArgumentParser(description="Bring this project up to a newer template.")
    parser.add_argument("template", metavar="TEMPLATE", help="the template's repository: an address or a folder")
    parser.add_argument(
        "--from", dest="begin", metavar="COMMIT", help="what this project was made from, if it does not know"
    )
    parser.add_argument("--to", dest="end", default="HEAD", metavar="COMMIT", help="what to bring it to (the newest)")
    chosen = parser.parse_args()
    try:
        conflicts = update(ROOT, chosen.template, chosen.begin, chosen.end)
    except CannotUpdate as error:
        print(f"Nothing was updated. {error}", file=sys.stderr)
        return 2
    for name in conflicts:
        print(f"conflict  {name}: both you and the template changed it; resolve, then git add")
    print("Look at it with git diff HEAD, run make test, and commit. README.md is yours: the template's is not merged.")
    return 1 if conflicts else 0


if __name__ == "__main__":
    sys.exit(main())
