"""Bars for work that takes long."""

from tqdm import tqdm


def progress_bar(what: str, steps: int, *, show: bool) -> tqdm:
    """A bar on standard error, which appears after a second and goes when done.

    Args:
        what: is going on.
        steps: how many there are.
        show: or nothing appears.
    """
    return tqdm(desc=what, total=steps, disable=not show, leave=False, delay=1)
