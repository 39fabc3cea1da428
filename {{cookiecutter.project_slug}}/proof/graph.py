"""The breach graph: how many failures stand between each attacker and each asset, as numbers and as a picture."""

from html import escape

from proof.registry import Registry

_ROW, _LEFT, _RIGHT, _WIDTH = 46, 130, 520, 760
_MIDDLE = (_LEFT + _RIGHT) // 2
_STYLE = """
    text { font: 14px system-ui, sans-serif; fill: #1f2933; }
    .what { font-weight: 600; } .count { font-weight: 700; text-anchor: middle; }
    .note { font-size: 12px; fill: #52606d; }
    line { stroke: #9aa5b1; } .one { stroke: #c2410c; } .dot { fill: #ffffff; stroke: #52606d; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e4e7eb; } .note { fill: #9aa5b1; }
      line { stroke: #616e7c; } .one { stroke: #fb923c; } .dot { fill: #1f2933; }
    }"""


def failures_between(registry: Registry) -> dict[tuple[str, str], int]:
    """Return, for each attacker and asset, the fewest controls that must be gone together."""
    fewest: dict[tuple[str, str], int] = {}
    for attack in registry.attack:
        size = min(len(needed) for needed in attack.breach_sets)
        pair = (attack.attacker, attack.asset)
        fewest[pair] = min(size, fewest.get(pair, size))
    return fewest


def draw(registry: Registry) -> str:
    """Return the graph as SVG: attackers left, assets right, on each line the number of failures needed."""
    fewest = failures_between(registry)
    attackers = list(dict.fromkeys(attacker for attacker, _ in fewest))
    assets = list(dict.fromkeys(asset for _, asset in fewest))
    height = _ROW * max(len(attackers), len(assets)) + 60
    places = {name: _place(index, len(attackers), height) for index, name in enumerate(attackers)}
    ends = {name: _place(index, len(assets), height) for index, name in enumerate(assets)}
    lines, dots = [], []
    for number, ((attacker, asset), count) in enumerate(fewest.items()):
        here, there = places[attacker], ends[asset]
        style = ' class="one"' if count == 1 else ""
        lines.append(
            f'  <line{style} x1="{_LEFT}" y1="{here}" x2="{_RIGHT}" y2="{there}" stroke-width="{4 / count:.1f}"/>'
        )
        along = (0.3, 0.42, 0.54, 0.66)[number % 4]  # numbers of crossing lines stand apart
        x, y = _LEFT + along * (_RIGHT - _LEFT), here + along * (there - here)
        dots.append(f'  <circle class="dot" cx="{x:.0f}" cy="{y:.0f}" r="11"/>')
        dots.append(f'  <text class="count" x="{x:.0f}" y="{y + 5:.0f}">{count}</text>')
    names = [
        f'  <text class="what" x="{_LEFT - 12}" y="{y + 5}" text-anchor="end">{escape(name)}</text>'
        for name, y in places.items()
    ]
    names += [f'  <text class="what" x="{_RIGHT + 12}" y="{y + 5}">{escape(name)}</text>' for name, y in ends.items()]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        '     aria-label="How many controls must fail before an attacker reaches an asset">',
        f"  <style>{_STYLE}\n  </style>",
        f'  <text class="note" x="{_LEFT - 12}" y="20" text-anchor="end">attacker</text>',
        f'  <text class="note" x="{_RIGHT + 12}" y="20">asset</text>',
        f'  <text class="note" x="{_MIDDLE}" y="20" text-anchor="middle">controls that must fail together</text>',
        *lines, *dots, *names, "</svg>", "",
    ])  # fmt: skip


def _place(index: int, count: int, height: int) -> int:
    return 40 + round((height - 50) * (index + 0.5) / count)
