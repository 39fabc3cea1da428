"""Embeddings without weights: feature hashing (Weinberger et al., 2009, arXiv:0902.2206).

Stems, pairs of neighbouring stems and the letter groups of each stem are hashed with a sign into a fixed
number of dimensions. Deterministic on every machine, a few microseconds a word, no model to download.
Letter groups make misspelt and inflected words land near each other; synonyms do not.
"""

import math
from collections import Counter
from itertools import pairwise
from typing import Protocol
from zlib import crc32

from chatbot.model.words import content_stems

DIMENSIONS = 384
_STEM, _PAIR, _LETTERS = 1.0, 0.35, 0.45


class Embedder(Protocol):
    """Turns text into a vector of `DIMENSIONS` numbers of length one, or of length zero for empty text."""

    def embed(self, text: str) -> list[float]:
        """Return the vector of `text`."""
        ...


class HashingEmbedder:
    """The offline embedder, for texts of one language."""

    def __init__(self, language: str = "english") -> None:
        self._language = language

    def embed(self, text: str) -> list[float]:
        """Return the normalised hashed features of `text`."""
        vector = [0.0] * DIMENSIONS
        for feature, weight in _features(content_stems(text, self._language)).items():
            code = crc32(feature.encode())
            # the sign comes from a bit that does not choose the dimension: collisions cancel on average
            vector[(code >> 1) % DIMENSIONS] += weight if code & 1 else -weight
        length = math.sqrt(sum(value * value for value in vector))
        return [value / length for value in vector] if length else vector


def vector_text(vector: list[float]) -> str:
    """Return `vector` as pgvector reads it. Raises `ValueError` unless it has the right size and is finite."""
    if len(vector) != DIMENSIONS or not all(map(math.isfinite, vector)):
        raise ValueError(f"an embedding must have {DIMENSIONS} finite numbers")
    return "[" + ",".join(f"{value:.5g}" if value else "0" for value in vector) + "]"


def _features(stems: list[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for word, count in Counter(stems).items():
        frequency = 1 + math.log(count)
        weights[f"w:{word}"] = _STEM * frequency
        groups = _letter_groups(word)
        for group in groups:
            weights[f"l:{group}"] = weights.get(f"l:{group}", 0.0) + _LETTERS * frequency / math.sqrt(len(groups))
    for pair, count in Counter(pairwise(stems)).items():
        weights["p:" + " ".join(pair)] = _PAIR * (1 + math.log(count))
    return weights


def _letter_groups(word: str) -> list[str]:
    marked = f"^{word}$"
    return [marked[i : i + 3] for i in range(len(marked) - 2)]
