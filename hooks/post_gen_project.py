"""Writes the project's name where the pages read it, and drops what a test run in the template left. Standard library only."""

import json
import shutil
from pathlib import Path

# a JSON document as a string literal: no answer can leave it
ANSWERS = json.loads({{ cookiecutter | jsonify | tojson }})
CACHES = ("__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis")


def main():
    name = json.dumps({"name": ANSWERS["project_name"]}, ensure_ascii=False)
    Path("frontend/project.json").write_text(name + "\n", encoding="utf-8")
    for cache in CACHES:
        for folder in Path(".").rglob(cache):
            if not {".venv", ".run"} & set(folder.parts):
                shutil.rmtree(folder, ignore_errors=True)


main()
