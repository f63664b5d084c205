"""The page for researchers shows what the tested examples hold."""

import re
from pathlib import Path

import jaxcompress

ROOT = Path(__file__).parents[1]


def test_every_snippet_is_part_of_an_example():
    examples = [path.read_text() for path in (ROOT / "examples").glob("*.py")]
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "research.md").read_text(), re.DOTALL)
    assert len(snippets) == 9
    for snippet in snippets:
        assert any(snippet in example for example in examples), snippet


def test_every_part_that_is_named_exists():
    names = re.findall(r"^\| (`[^|]*`) \|", (ROOT / "docs" / "research.md").read_text(), re.MULTILINE)
    assert len(names) >= 6
    for row in names:
        package = None
        for name in re.findall(r"`([\w.]+)`", row):
            home, _, name = name.rpartition(".")
            package = getattr(jaxcompress, home) if home else package
            assert hasattr(package, name), name
