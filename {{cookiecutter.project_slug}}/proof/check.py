"""Runs the experiments side by side and prints what each one proved."""

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proof.experiments import Experiment, Verdict, judge, plan
from proof.laboratory import BadPatch, changed_files, copy_without, run_tests
from proof.registry import Registry, load_registry


def check_labs(root: Path, wanted: Iterable[str], *, jobs: int, full: bool, as_json: bool) -> int:
    """Run all experiments, or those of the wanted controls. Exit status 0, or 1 when a claim does not hold."""
    registry = load_registry(root)
    chosen = frozenset(wanted)
    if unknown := chosen - {control.id for control in registry.control}:
        raise KeyError(f"no such control: {', '.join(sorted(unknown))}")
    experiments = plan(registry, chosen, full=full)
    begun = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        verdicts = []
        for verdict in pool.map(lambda each: run_experiment(root, registry, each), experiments):
            verdicts.append(verdict)
            if not as_json:
                print(describe(verdict), flush=True)
    faulty = [verdict for verdict in verdicts if verdict.problems]
    if as_json:
        print(json.dumps([_as_data(verdict) for verdict in verdicts], indent=1))
    else:
        print(
            f"{len(verdicts)} experiments in {time.monotonic() - begun:.0f} s:"
            f" {len(verdicts) - len(faulty)} as controls.toml says, {len(faulty)} not"
        )
    return 1 if faulty else 0


def run_experiment(root: Path, registry: Registry, experiment: Experiment) -> Verdict:
    """Take the controls away in a copy, run the tests there, and judge."""
    begun = time.monotonic()
    allowed = {file for name in experiment.removed for file in registry.control_named(name).files}
    try:
        with copy_without(root, experiment.removed) as copy:
            if beyond := changed_files(root, copy) - allowed:
                return Verdict(
                    experiment, [f"the ablation changes {', '.join(sorted(beyond))}, which is not the control's"]
                )
            outcomes = run_tests(copy, experiment.tests)
    except BadPatch as error:
        return Verdict(experiment, [str(error)])
    verdict = judge(experiment, outcomes)
    verdict.seconds = time.monotonic() - begun
    if verdict.problems and not outcomes.tests:
        verdict.problems.append(outcomes.output[-2000:])
    return verdict


def describe(verdict: Verdict) -> str:
    """Return a verdict as lines for a terminal."""
    experiment = verdict.experiment
    facts = [f"{verdict.red} contract tests red"] if experiment.control else []
    facts += [f"attacker wins {', '.join(verdict.won)}"] if verdict.won else []
    facts += [f"cannot play {', '.join(verdict.unplayed)}"] if verdict.unplayed else []
    facts += [f"loses {', '.join(verdict.lost)}"] if verdict.lost else []
    if verdict.refusals and not verdict.won:
        facts.append("refused by " + ", ".join(f"{name} ({count})" for name, count in sorted(verdict.refusals.items())))
    mark = "FAIL" if verdict.problems else "ok"
    head = f"{mark:<5}without {experiment.name:<42} {'; '.join(facts)} ({verdict.seconds:.0f} s)"
    return "\n".join([head, *(f"     ! {problem}" for problem in verdict.problems)])


def _as_data(verdict: Verdict) -> dict[str, object]:
    return {
        "removed": sorted(verdict.experiment.removed),
        "contract_tests_red": verdict.red,
        "won": verdict.won,
        "lost": verdict.lost,
        "refusals": dict(verdict.refusals),
        "problems": verdict.problems,
        "seconds": round(verdict.seconds, 1),
    }
