"""The template's migrations and a product's own cannot take each other's names."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "migrations"
# made before there were two branches
EARLIER = {f"{number:04d}" for number in range(1, 10)}


def revisions(folder: str) -> dict[str, str]:
    """Return each file's revision and its text."""
    found = {}
    for path in sorted((FOLDER / folder).glob("*.py")):
        text = path.read_text("utf-8")
        named = re.search(r'^revision = "(\w+)"$', text, re.MULTILINE)
        assert named, path
        found[named[1]] = text
    return found


def test_each_branch_has_names_of_its_own() -> None:
    ours, products = revisions("versions"), revisions("product")
    assert all(re.fullmatch(r"template_\d{4}", name) for name in set(ours) - EARLIER), "name it template_…"
    assert all(re.fullmatch(r"product_\d{4}", name) for name in products), "migrations/product: name it product_…"


def test_a_product_s_migrations_begin_a_branch_and_follow_their_own() -> None:
    for name, text in revisions("product").items():
        first = name.endswith("0001")
        assert ("down_revision = None" in text) is first, f"{name}: only the first begins the branch"
        assert 'down_revision = "template_' not in text, f"{name}: use depends_on for one of the template's"
