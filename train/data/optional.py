"""Packages that only training needs, imported when they are used."""

import importlib
from typing import Any


def require(module: str) -> Any:
    """Imports a module of the `train` extra.

    Args:
        module: its full name.

    Returns:
        The module.

    Raises:
        ImportError: it is not installed; says what to do.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"training data needs {package} ({error}): pip install 'jaxcompress[train]'") from error
