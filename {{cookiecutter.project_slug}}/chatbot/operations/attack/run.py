"""`chatbot attack URL`: plays every attack that can be played from outside, and prints the table of controls."""

import json
import sys
from pathlib import Path
from typing import IO

from chatbot.operations.attack import interface, pages, requests
from chatbot.operations.attack.probe import Outcome, Probe, Verdict, not_played
from chatbot.operations.attack.target import NotPermitted, Target, Unreachable, check_permission

PROBES: tuple[Probe, ...] = (*pages.PROBES, *interface.PROBES, *requests.PROBES)
_MARKS = {Verdict.HELD: "held", Verdict.BROKEN: "BROKEN", Verdict.NOT_PLAYED: "–"}


def attack(url: str, owned: list[str], key_file: Path | None, *, sure: bool, as_json: bool, model: str = "any") -> int:
    """Attack `url` and print the table. Exit status 0, 1 when a control is broken, 2 when it may not or cannot run."""
    try:
        check_permission(url, owned, confirm=lambda host: sure or _confirmed(host, sys.stdin))
        key = key_file.read_text(encoding="utf-8").strip() if key_file else ""
    except (NotPermitted, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    target = Target(url, key)
    target.model = model
    try:
        target.get("/")
        results = [(probe, play(probe, target, show=not as_json)) for probe in PROBES]
    except Unreachable as error:
        print(f"{url} does not answer: {error}", file=sys.stderr)
        return 2
    finally:
        target.close()
    verdicts = [outcome.verdict for _, outcome in results]
    if as_json:
        print(json.dumps([_as_data(probe, outcome) for probe, outcome in results], indent=1, ensure_ascii=False))
    else:
        print(_summary(verdicts, target.sent))
    if Verdict.BROKEN in verdicts:
        return 1
    if Verdict.HELD not in verdicts:
        print("Nothing could be tried: the target breaks off.", file=sys.stderr)
        return 2
    return 0


def play(probe: Probe, target: Target, *, show: bool = False) -> Outcome:
    """Play one attack; a target that breaks off meanwhile has not held."""
    try:
        outcome = probe.play(target)
    except Unreachable as error:
        outcome = not_played(f"no answer: {error}")
    outcome = Outcome(outcome.verdict, _harmless(outcome.evidence, target.key))
    if show:
        print(
            f"  {_MARKS[outcome.verdict]:<7}{probe.control:<13}{probe.name:<20}{probe.attacker:<10}{outcome.evidence}",
            flush=True,
        )
        if outcome.verdict is Verdict.BROKEN:
            print(f"         so {probe.wins}", flush=True)
    return outcome


def _harmless(evidence: str, key: str) -> str:
    """Return evidence without the key, and without what a hostile target could do to a terminal."""
    hidden = evidence.replace(key, "(the key)") if key else evidence
    return hidden.encode("unicode_escape").decode("ascii").replace("\\u2026", "…").replace("\\u2013", "–")


def _confirmed(host: str, answers: IO[str]) -> bool:
    if not answers.isatty():
        return False
    print(f"This sends several hundred hostile requests to {host}. Type the host's name to go on: ", end="", flush=True)
    return answers.readline().strip() == host


def _summary(verdicts: list[Verdict], sent: int) -> str:
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict.value}" for verdict in Verdict)
    return (
        f"{len(verdicts)} attacks, {sent} requests: {counts}.\n"
        "Only what shows from outside was tried. What stands behind it (rows, queue, policies): make labs-check."
    )


def _as_data(probe: Probe, outcome: Outcome) -> dict[str, str]:
    return {
        "control": probe.control,
        "attack": probe.name,
        "attacker": probe.attacker,
        "verdict": outcome.verdict.value.lower(),
        "evidence": outcome.evidence,
    }
