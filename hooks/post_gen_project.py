"""Writes the project's name and its template's commit, and drops what a test run left. Standard library only."""

import json
import shutil
import subprocess
from pathlib import Path

# a JSON document as a string literal: no answer can leave it
ANSWERS = json.loads({{ cookiecutter | jsonify | tojson }})
CACHES = ("__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis")


def template_commit():
    """Return the template's commit, for later updates; None when it did not come from git, or was changed."""
    template = ANSWERS.get("_repo_dir") or ""
    try:
        found = [subprocess.run(["git", "-C", template, *words], capture_output=True, text=True, check=True, timeout=20).stdout
                 for words in (["rev-parse", "HEAD"], ["status", "--porcelain"])]
    except (OSError, subprocess.SubprocessError):
        return None
    return None if found[1].strip() else found[0].strip()


def main():
    name = json.dumps({"name": ANSWERS["project_name"]}, ensure_ascii=False)
    Path("frontend/project.json").write_text(name + "\n", encoding="utf-8")
    Path(".template.json").write_text(json.dumps({"commit": template_commit()}) + "\n", encoding="utf-8")
    if ANSWERS["labs"] == "no":
        shutil.rmtree("labs")
    for cache in CACHES:
        for folder in Path(".").rglob(cache):
            if not {".venv", ".run"} & set(folder.parts):
                shutil.rmtree(folder, ignore_errors=True)
    # the name of the folder is a checked answer: letters, digits and hyphens
    print("\nNext:  cd %s && git init && git add -A && git commit -qm Start && make run\n" % ANSWERS["project_slug"])


main()
