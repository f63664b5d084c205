"""Refuses a site whose pages load anything from a network: it is to be read without one."""

import re
from pathlib import Path

from sphinx.errors import ExtensionError

_ADDRESS = r"""=["'](?:https?:)?//[^"']*"""
_LOADED = re.compile(rf"<(?:script|img|iframe)\b[^>]*\ssrc{_ADDRESS}|<link\b[^>]*\shref{_ADDRESS}")


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("build-finished", _check_pages)


def _check_pages(app, exception) -> None:
    """Raises if a page, or a picture among them, does; what is there to download is not looked into."""
    if exception is None:
        for page in Path(app.outdir).rglob("*.html"):
            if "_downloads" not in page.parts and (found := _LOADED.search(page.read_text(encoding="utf-8"))):
                raise ExtensionError(f"{page} loads from a network: {found[0]}")
