"""Conversion between units, exact, from the table in units.json (a data source of the server's own).

The factors are the defined ones (BIPM, the SI brochure, 9th edition; the international yard and pound, 1959).
"""

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("units.json")
# what a scale adds at its zero, in the base unit: only temperatures begin elsewhere
_ZEROS = {"degree celsius": Fraction("273.15"), "degree fahrenheit": Fraction("273.15") - Fraction(160, 9)}


class UnknownUnit(ValueError):
    """A unit that the table does not have, or two that do not measure the same. The message is safe to show."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of a kind (`length`, `mass`, …): how many base units it is, and where its scale begins."""

    name: str
    plural: str
    kind: str
    factor: Fraction
    zero: Fraction

    def name_for(self, value: Fraction) -> str:
        """Return the name that goes with so many of it."""
        return self.name if abs(value) == 1 else self.plural


def convert(value: Fraction, source: str, target: str) -> tuple[Fraction, Unit, Unit]:
    """Return `value` of unit `source` in unit `target`, and both units. Raises `UnknownUnit`."""
    old, new = _find(source), _find(target)
    if old.kind != new.kind:
        raise UnknownUnit(f"{old.name} measures {old.kind}, {new.name} measures {new.kind}")
    return (value * old.factor + old.zero - new.zero) / new.factor, old, new


def _find(name: str) -> Unit:
    unit = _units().get(" ".join(name.lower().replace("°", "").split()))
    if unit is None:
        raise UnknownUnit("no such unit: give one such as km, mile, kg, pound, litre, hour, km/h, celsius")
    return unit


@cache
def _units() -> dict[str, Unit]:
    known: dict[str, Unit] = {}
    for kind, units in json.loads(_TABLE.read_text(encoding="utf-8")).items():
        for name, (factor, plural, *others) in units.items():
            unit = Unit(name, plural, kind, Fraction(factor), _ZEROS.get(name, Fraction(0)))
            known |= dict.fromkeys((name, plural, *others), unit)
    return known
