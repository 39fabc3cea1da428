"""`python -m proof`: the project's own rules, its controls' documents, and the proof that each control is needed."""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; exit status 0, 1 for a finding, 2 for wrong usage."""
    chosen = _parser().parse_args(arguments)
    try:
        return _run(chosen)
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m proof", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("lint", help="check the project's own rules")
    check = commands.add_parser("check", help="take each control away and see what happens")
    check.add_argument("controls", nargs="*", metavar="ID", help="only experiments that take one of these away")
    check.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1, help="experiments at a time")
    check.add_argument("--full", action="store_true", help="play every attack against every control taken away alone")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    refresh = commands.add_parser("refresh", help="bring the ablations up to date after a refactoring")
    refresh.add_argument("controls", nargs="*", metavar="ID")
    docs = commands.add_parser("docs", help="write CONTROLS.md, the table in ARCHITECTURE.md and the breach graph")
    docs.add_argument("--check", action="store_true", help="write nothing; say what is out of date")
    return parser


def _run(chosen: argparse.Namespace) -> int:
    # imported late: a rule can be checked where pytest and pydantic are not installed
    if chosen.command == "lint":
        return _lint()
    if chosen.command in ("check", "refresh") and not (ROOT / "labs").is_dir():
        print("This project was made without labs: there are no ablations to run.", file=sys.stderr)
        return 2
    if chosen.command == "check":
        from proof.check import check_labs

        return check_labs(ROOT, chosen.controls, jobs=chosen.jobs, full=chosen.full, as_json=chosen.json)
    if chosen.command == "refresh":
        from proof.refresh import refresh_labs

        return refresh_labs(ROOT, chosen.controls)
    from proof.documents import write_documents

    return write_documents(ROOT, check=chosen.check)


def _lint() -> int:
    from proof.lint import MAX_MODULES, check_tree, crowded_folders, sources

    findings = [str(finding) for finding in check_tree(ROOT)]
    paths = [source.path for source in sources(ROOT)]
    too_many = f"more than {MAX_MODULES} modules: divide it by what they are about (the number is in proof/lint.py)"
    findings += [f"{folder}: {too_many}" for folder in crowded_folders(paths)]
    print("\n".join(findings) if findings else f"{len(paths)} files keep every house rule.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
