"""What benchmarks print: tables of medians, and bounds that were checked."""

import json
import statistics
from pathlib import Path

from jaxcompress.files import write_file


def median(rounds: list[dict], what: str, by: str | None = None) -> float:
    """Median over rounds of a figure, or of its ratio to another one of the same round."""
    return statistics.median(one[what] / (one[by] if by else 1) for one in rounds)


def median_ratio(above: list[dict], below: list[dict], what: str) -> float:
    """Median over rounds of the ratio of a figure of two contestants."""
    return statistics.median(a[what] / b[what] for a, b in zip(above, below, strict=True))


def format_table(title: str, rows: list[dict], decimals: str = ".2f") -> str:
    """Rows under a title, as text; `decimals` is how floats of 0.01 and more are written."""
    cells = [list(rows[0]), *([format_cell(value, decimals) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in cells]
    return "\n".join(["", title, lines[0], "-" * len(lines[0]), *lines[1:]])


def format_cell(value, decimals: str = ".2f") -> str:
    """A value as a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.2e}" if 0 < abs(value) < 1e-2 else f"{value:{decimals}}"
    return str(value)


class Checks:
    """Bounds and what was found, for the summary and the exit status."""

    def __init__(self):
        self.made: list[dict] = []

    def at_most(self, case: str, what: str, found: float, limit: float) -> None:
        """A number that must not be larger; NaN fails."""
        self._add(case, what, float(found), f"<= {limit:g}", bool(found <= limit))

    def at_least(self, case: str, what: str, found: float, limit: float) -> None:
        """A number that must not be smaller; NaN fails."""
        self._add(case, what, float(found), f">= {limit:g}", bool(found >= limit))

    def holds(self, case: str, what: str, found: bool) -> bool:
        """A statement that must be true."""
        self._add(case, what, bool(found), "yes", bool(found))
        return bool(found)

    def _add(self, case, what, found, limit, ok):
        self.made.append({"case": case, "what": what, "found": found, "limit": limit, "ok": ok})

    def conclude(self, seconds: float) -> int:
        """Prints the number of bounds, and each that is broken; returns the exit status."""
        broken = [check for check in self.made if not check["ok"]]
        print(f"\n{len(self.made)} bounds checked, {len(broken)} broken, {seconds:.0f} s")
        for check in broken:
            found = format_cell(check["found"], ".4f")
            print(f"BROKEN  {check['case']}: {check['what']}: found {found}, must be {check['limit']}")
        return 1 if broken else 0


def write_json(path: Path | None, result: dict) -> None:
    """Writes everything that was found, if there is a file for it."""
    if path:
        write_file(path, json.dumps(result, indent=1, default=str).encode(), overwrite=True)
