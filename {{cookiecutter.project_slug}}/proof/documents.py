"""Writes what is made from the registry: CONTROLS.md, the table in ARCHITECTURE.md and the breach graph."""

from pathlib import Path

from proof.graph import draw, failures_between
from proof.registry import Control, Registry, load_registry

_BEGIN, _END = "<!-- controls: made by `make docs` -->", "<!-- end of controls -->"
_INTRODUCTION = """\
# Controls

Made from `controls.toml` by `make docs`; edit that file. Each control is **built** (one module), **attacked** (tests that
play the attacker and lose) and **ablated**: `make labs-check` takes it away, alone and together with others, and sees its
contract tests go red and its attacks end as written here. *Contained* means that the attack still fails with this control
gone, because of the controls named.
"""
_ATTACKS = """\
## Attacks

Each is played from end to end. The last column has the smallest sets of controls that must all be gone before it is won.

| attack | attacker | wins when | needs gone |
|---|---|---|---|"""
_GRAPH = """\
## How many failures stand between

![The fewest controls that must fail together, for each attacker and asset](docs/breach-graph.svg)

| attacker | asset | controls that must fail together |
|---|---|---|"""
_POSITIONS = """\
Attackers' positions: `visitor` has no account · `user` has one and is hostile · `neighbour` is of another tenant · `model` is
a language model that does whatever an attacker says · `broker` holds a Valkey user's credentials · `query` controls the
whole text of statements on one database role · `supply` controls a file or dependency.
"""


def documents(registry: Registry, root: Path) -> dict[str, str]:
    """Return every made file with its content."""
    architecture = (root / "ARCHITECTURE.md").read_text("utf-8")
    head, _, rest = architecture.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return {
        "CONTROLS.md": controls_page(registry),
        "ARCHITECTURE.md": f"{head}{_BEGIN}\n{architecture_table(registry)}\n{_END}{tail}",
        "docs/breach-graph.svg": draw(registry),
    }


def write_documents(root: Path, *, check: bool) -> int:
    """Write the documents; with `check`, name those that are out of date and return 1."""
    made = documents(load_registry(root), root)
    stale = [
        name for name, text in made.items() if not (root / name).exists() or (root / name).read_text("utf-8") != text
    ]
    for name in stale:
        if check:
            print(f"{name} is out of date: run make docs")
        else:
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(made[name], encoding="utf-8")
            print(f"wrote {name}")
    return 1 if check and stale else 0


def controls_page(registry: Registry) -> str:
    """Return CONTROLS.md."""
    lines = [_INTRODUCTION]
    for point in dict.fromkeys(control.point for control in registry.control):
        lines += [f"## {point}", ""]
        lines += [section for control in registry.control if control.point == point for section in _section(control)]
    lines.append(_ATTACKS)
    for attack in registry.attack:
        needed = " · or · ".join(" + ".join(f"`{name}`" for name in one) for one in attack.breach_sets)
        lines.append(f"| {attack.id} | {attack.attacker} | {attack.wins} | {needed} |")
    lines += ["", _POSITIONS, _GRAPH]
    ordered = sorted(failures_between(registry).items(), key=lambda pair: (pair[1], pair[0]))
    lines += [f"| {attacker} | {asset} | {count} |" for (attacker, asset), count in ordered]
    return "\n".join(lines) + "\n"


def _section(control: Control) -> list[str]:
    alone = (
        "breached"
        if control.alone == "breached"
        else "contained by " + ", ".join(f"`{name}`" for name in control.contained_by)
    )
    rows = {
        "stops": control.stops,
        "fails": control.fails,
        "built in": _paths(control.files),
        "contract tests": _paths(control.contract),
        "attacked by": _paths(control.attack),
        "taken away by": f"`{control.ablation}`: {alone}",
        "standards": " · ".join(control.standards),
    }
    return [
        f"### {control.id}: {control.name}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {text} |" for key, text in rows.items()),
        "",
    ]


def architecture_table(registry: Registry) -> str:
    """Return the table of controls as ARCHITECTURE.md shows it."""
    lines = ["| control | integration point | stops | built in | alone gone |", "|---|---|---|---|---|"]
    for control in registry.control:
        alone = "breached" if control.alone == "breached" else f"contained by {', '.join(control.contained_by)}"
        lines.append(f"| {control.id} | {control.point} | {control.stops} | {_paths(control.files)} | {alone} |")
    return "\n".join(lines)


def _paths(paths: tuple[str, ...]) -> str:
    return ", ".join(f"`{path}`" for path in paths)
