"""`python -m proof`: the project's own rules, its controls' documents, and the proof that each control is needed."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; exit status 0, 1 for a finding, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m proof", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("lint", help="check the project's own rules")
    chosen = parser.parse_args(arguments)
    return {"lint": _lint}[chosen.command]()


def _lint() -> int:
    from proof.lint import check_tree, crowded_folders, sources

    findings = [str(finding) for finding in check_tree(ROOT)]
    paths = [source.path for source in sources(ROOT)]
    findings += [f"{folder}: too many modules: divide it" for folder in crowded_folders(paths)]
    print("\n".join(findings) if findings else f"{len(paths)} files keep every house rule.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
