"""The registry of controls: `controls.toml`, read whole and judged before anything uses it.

A row says what a control is, where it stands and how it is proved. An attack says who wants what, which test
plays it from end to end, and which controls must all be gone before that test is lost (`breach_sets`).
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROOT = Path(__file__).parents[1]
FILE = "controls.toml"

Identifier = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+$")]
Sentence = Annotated[str, Field(min_length=10, max_length=200)]
Position = Literal[
    "visitor", "user", "neighbour", "model", "document", "upstream", "broker", "query", "network", "pod", "operator",
    "supply",
]  # fmt: skip
Point = Literal[
    "Web frontend", "API, inbound", "API, outbound", "Tools and MCP", "SQL database", "Vector database", "Cache",
    "Message queue", "Object storage", "Monitoring", "Servers and containers", "Access and infrastructure",
    "Application",
]  # fmt: skip


class BadRegistry(Exception):
    """The registry contradicts itself or the tree. The text has one line per contradiction."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Control(_Row):
    """A control. Paths are relative to the project's folder; a test is a file or a pytest node id."""

    id: Identifier
    name: Annotated[str, Field(min_length=3, max_length=60)]
    point: Point
    stops: Sentence
    fails: Literal["closed", "open"]
    module: str
    parts: tuple[str, ...] = ()  # further files of this control and of no other
    contract: Annotated[tuple[str, ...], Field(min_length=1)]
    attack: Annotated[tuple[str, ...], Field(min_length=1)]
    ablation: str
    alone: Literal["breached", "contained"]
    contained_by: tuple[Identifier, ...] = ()
    neighbours: Annotated[tuple[str, ...], Field(min_length=1)]  # stay green when this control is gone
    standards: Annotated[tuple[str, ...], Field(min_length=1)]

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that belongs to this control."""
        return (self.module, *self.parts)


class Attack(_Row):
    """An attack from end to end: won when its test fails by assertion."""

    id: Identifier
    attacker: Position
    asset: Annotated[str, Field(min_length=3, max_length=60)]
    wins: Sentence
    test: str
    breach_sets: Annotated[tuple[Annotated[tuple[Identifier, ...], Field(min_length=1)], ...], Field(min_length=1)]

    def is_won_without(self, removed: frozenset[str]) -> bool:
        """Say whether the attacker must win once the controls in `removed` are gone."""
        return any(set(needed) <= removed for needed in self.breach_sets)


class Registry(_Row):
    """All rows."""

    control: tuple[Control, ...]
    attack: tuple[Attack, ...]

    def control_named(self, identifier: str) -> Control:
        """Return a control. Raises `KeyError`."""
        return {control.id: control for control in self.control}[identifier]

    def attacks_on(self, identifier: str) -> tuple[Attack, ...]:
        """Return the attacks in which a control plays a part."""
        return tuple(a for a in self.attack if any(identifier in needed for needed in a.breach_sets))


def load_registry(root: Path = ROOT) -> Registry:
    """Return the registry of the project at `root`. Raises `BadRegistry`."""
    try:
        found = Registry.model_validate(tomllib.loads((root / FILE).read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadRegistry(f"{FILE}: {error}") from None
    problems = [*_contradictions(found), *_missing(found, root)]
    if problems:
        raise BadRegistry("\n".join(f"{FILE}: {problem}" for problem in problems))
    return found


def _contradictions(registry: Registry) -> list[str]:
    known = [control.id for control in registry.control]
    attacks = [attack.id for attack in registry.attack]
    problems = [f"{name} stands twice" for name in sorted(set(known)) if known.count(name) > 1]
    problems += [f"the attack {name} stands twice" for name in sorted(set(attacks)) if attacks.count(name) > 1]
    owners: dict[str, str] = {}
    for control in registry.control:
        for file in control.files:
            if owners.setdefault(file, control.id) != control.id:
                problems.append(f"{control.id}: {file} belongs to {owners[file]} already")
    for attack in registry.attack:
        sets = [frozenset(needed) for needed in attack.breach_sets]
        problems += [f"{attack.id}: {name} is no control" for name in sorted(set().union(*sets) - set(known))]
        problems += [
            f"{attack.id}: {sorted(larger)} is not minimal, since {sorted(smaller)} is enough"
            for larger in sets
            for smaller in sets
            if smaller < larger
        ]
    return problems + [problem for control in registry.control for problem in _misjudged(control, registry)]


def _misjudged(control: Control, registry: Registry) -> list[str]:
    mine = registry.attacks_on(control.id)
    if not mine:
        return [f"{control.id}: no attack needs it gone"]
    alone = any(attack.is_won_without(frozenset({control.id})) for attack in mine)
    others = {name for attack in mine for needed in attack.breach_sets for name in needed} - {control.id}
    problems = []
    if alone != (control.alone == "breached"):
        problems.append(f"{control.id}: alone is {control.alone!r}, and the breach sets say otherwise")
    if bool(control.contained_by) != (control.alone == "contained"):
        problems.append(f"{control.id}: contained_by goes with alone = 'contained', and only with it")
    if unknown := set(control.contained_by) - others:
        problems.append(f"{control.id}: contained_by names {sorted(unknown)}, which no breach set of its attacks holds")
    return problems


def _missing(registry: Registry, root: Path) -> list[str]:
    problems = []
    for control in registry.control:
        tests = (*control.contract, *control.attack, *control.neighbours)
        problems += [
            f"{control.id}: there is no {file}"
            for file in (*control.files, *([control.ablation] if (root / "labs").is_dir() else []))
            if not (root / file).is_file()
        ]
        problems += [f"{control.id}: there is no {test}" for test in tests if not test_exists(root, test)]
        if control.ablation != f"labs/{control.id}/break.patch":
            problems.append(f"{control.id}: its ablation must be labs/{control.id}/break.patch")
    for attack in registry.attack:
        if not test_exists(root, attack.test):
            problems.append(f"{attack.id}: there is no {attack.test}")
        file = attack.test.partition("::")[0]
        for name in {name for needed in attack.breach_sets for name in needed}:
            if name in {c.id for c in registry.control} and file not in registry.control_named(name).attack:
                problems.append(f"{name}: its attack files lack {file}, where {attack.id} is played")
    return problems


def test_exists(root: Path, test: str) -> bool:
    """Say whether a test file, or the function that a node id names, is there."""
    file, _, function = test.partition("::")
    path = root / file
    name = re.escape(function.partition("[")[0])
    return path.is_file() and (
        not name or bool(re.search(rf"^(async )?def {name}\(", path.read_text("utf-8"), re.MULTILINE))
    )
