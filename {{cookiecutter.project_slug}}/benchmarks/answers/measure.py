"""How good the offline assistant is: retrieval, citation and abstention on a labelled set, beside keywords only.

The set has two halves. `tune` may be looked at while thresholds are chosen; `held` is only ever reported.
"""

import json
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.answers.session import Reader
from chatbot.chat.asking.prompt import assemble_prompt
from chatbot.database.calls.turns import Recalled
from chatbot.model.offline import ABSTAINS, compose_answer
from development.stack import Stack
from tests.conftest import make_state
from tests.doubles.person import Person

HERE = Path(__file__).parent
PASSAGES = 6


@dataclass
class Score:
    """Counts of one half under one way of retrieving."""

    answerable: int = 0
    unanswerable: int = 0
    found: int = 0
    reciprocal: float = 0.0
    cited_right: int = 0
    answered: int = 0
    abstained_right: int = 0
    abstained_wrong: int = 0

    def row(self) -> str:
        retrieval = f"{self.found / self.answerable:14.2f}{self.reciprocal / self.answerable:8.2f}"
        citation = f"{self.cited_right / self.answerable:16.2f}{self.cited_right / max(1, self.answered):14.2f}"
        abstention = f"{self.abstained_right / self.unanswerable:16.2f}{self.abstained_wrong / self.answerable:14.2f}"
        return retrieval + citation + abstention


def main() -> None:
    questions = [json.loads(line) for line in (HERE / "questions.jsonl").read_text().splitlines()]
    state = make_state()
    try:
        with Stack(state, say=lambda line: None) as stack:
            person = Person(stack).sign_in("alice")
            for path in sorted((HERE / "documents").glob("*.md")):
                person.upload(path.name, path.read_text())
            with Reader(stack, person) as reader:
                report(questions, reader)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def report(questions: list[dict[str, Any]], reader: Reader) -> None:
    print(
        f"{'':22}{'evidence':>14}{'':>8}{'right citation':>16}{'right of':>14}{'abstains when':>16}{'abstains when':>14}"
    )
    print(
        f"{'':22}{'in top ' + str(PASSAGES):>14}{'MRR':>8}{'of all':>16}{'answered':>14}{'not answerable':>16}{'answerable':>14}"
    )
    for way in ("hybrid", "keywords only"):
        scores: dict[str, Score] = defaultdict(Score)
        for question in questions:
            judge(scores[question["split"]], question, reader.passages(question["question"], way, PASSAGES))
        for split in ("tune", "held"):
            print(f"{way + ', ' + split:22}{scores[split].row()}")


def judge(score: Score, question: dict[str, Any], passages: list[dict[str, Any]]) -> None:
    answer = compose_answer(
        question["question"], assemble_prompt(question["question"], Recalled([], passages, None)).passages
    )
    abstained = answer == ABSTAINS
    if not question["answerable"]:
        score.unanswerable += 1
        score.abstained_right += abstained
        return
    score.answerable += 1
    score.abstained_wrong += abstained
    score.answered += not abstained
    places = [n for n, passage in enumerate(passages, start=1) if holds(passage, question)]
    if places:
        score.found += 1
        score.reciprocal += 1 / places[0]
    score.cited_right += any(f"[{place}]" in answer for place in places)


def holds(passage: dict[str, Any], question: dict[str, Any]) -> bool:
    same = " ".join(question["evidence"].split()) in " ".join(passage["content"].split())
    return same and passage["title"] == question["document"]


if __name__ == "__main__":
    main()
