"""Which controls are taken away together, what must happen then, and whether it did."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations

from proof.laboratory import Outcomes
from proof.registry import Attack, Control, Registry


@dataclass(frozen=True)
class Experiment:
    """Take `removed` away; play `attacks`; for a control alone, run its contract tests and its neighbours too."""

    removed: frozenset[str]
    attacks: tuple[Attack, ...]
    control: Control | None = None

    @property
    def name(self) -> str:
        """The controls that are gone."""
        return " + ".join(sorted(self.removed))

    @property
    def tests(self) -> list[str]:
        """What pytest runs, each once."""
        own = (*self.control.contract, *self.control.neighbours) if self.control else ()
        return sorted({*own, *(attack.test for attack in self.attacks)})


@dataclass
class Verdict:
    """What was seen. `problems` is empty when all went as the registry says."""

    experiment: Experiment
    problems: list[str] = field(default_factory=list)
    won: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unplayed: list[str] = field(default_factory=list)
    red: int = 0  # contract tests that failed by assertion
    refusals: Counter[str] = field(default_factory=Counter)  # of the controls that still stood, during the attacks
    seconds: float = 0.0


def plan(registry: Registry, wanted: frozenset[str] = frozenset(), *, full: bool = False) -> list[Experiment]:
    """Return the experiments: each control alone, each breach set, each of its proper subsets.

    `wanted` keeps those that take one of these controls away; `full` plays every attack against every control alone.
    """
    alone = [
        Experiment(frozenset({control.id}), registry.attack if full else registry.attacks_on(control.id), control)
        for control in registry.control
    ]
    joint: dict[frozenset[str], list[Attack]] = {}
    for attack in registry.attack:
        for needed in attack.breach_sets:
            for size in range(2, len(needed) + 1):
                for subset in combinations(sorted(needed), size):
                    joint.setdefault(frozenset(subset), []).append(attack)
    together = [Experiment(removed, tuple(attacks)) for removed, attacks in joint.items()]
    return [each for each in [*alone, *together] if not wanted or each.removed & wanted]


def judge(experiment: Experiment, outcomes: Outcomes) -> Verdict:
    """Return what the outcomes prove, and where they contradict the registry."""
    verdict = Verdict(experiment)
    for attack in experiment.attacks:
        _judge_attack(verdict, attack, outcomes)
    for name in sorted(experiment.removed):
        if verdict.refusals[name]:
            verdict.problems.append(f"{name} was taken away, and still refused {verdict.refusals[name]} times")
    if experiment.control is not None:
        _judge_contract(verdict, experiment.control, outcomes)
        _judge_containment(verdict, experiment.control)
    return verdict


def _judge_attack(verdict: Verdict, attack: Attack, outcomes: Outcomes) -> None:
    found = outcomes.below(attack.test)
    won = "won" in found
    unplayed = not found or (not won and set(found) != {"passed"})  # red beside its goal proves nothing
    plays_a_part = any(verdict.experiment.removed & set(needed) for needed in attack.breach_sets)
    if unplayed and not plays_a_part:  # of no concern to these controls: its way there rests on them
        verdict.unplayed.append(attack.id)
        return
    if unplayed:
        verdict.problems.append(f"{attack.id}: could not be played: {outcomes.why_below(attack.test)}")
        return
    (verdict.won if won else verdict.lost).append(attack.id)
    if won != attack.is_won_without(verdict.experiment.removed):
        verdict.problems.append(
            f"{attack.id}: the attacker {'wins' if won else 'loses'}, and the breach sets say otherwise"
        )
    if not won:
        for test, counted in outcomes.refusals.items():
            if test == attack.test or test.startswith(f"{attack.test}["):
                verdict.refusals += counted


def _judge_contract(verdict: Verdict, control: Control, outcomes: Outcomes) -> None:
    for test in control.contract:
        red = outcomes.below(test).count("red") + outcomes.below(test).count("won")
        verdict.red += red
        if not red:
            verdict.problems.append(f"contract {test}: no test goes red by assertion: {outcomes.why_below(test)}")
    for test in control.neighbours:
        found = outcomes.below(test)
        if not found or set(found) != {"passed"}:
            verdict.problems.append(f"neighbour {test}: does not stay green: {outcomes.why_below(test)}")


def _judge_containment(verdict: Verdict, control: Control) -> None:
    breached = bool(verdict.won)
    if breached != (control.alone == "breached"):
        verdict.problems.append(f"alone it is {'breached' if breached else 'contained'}, not {control.alone}")
    for other in control.contained_by:
        if not verdict.refusals[other]:
            verdict.problems.append(f"{other} is said to contain the attack, and refused nothing")
