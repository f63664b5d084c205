"""Training: objective, optimizer, step, data, checkpoints, and the loop behind `jaxcompress train`.

    from jaxcompress.train import Recipe, run

    recipe = Recipe(architecture="mbt2018-mean", quality=3, steps=1_000_000)
    weights_file = run(recipe, data="pictures", output="run")

Or by parts: `make_step` is a pure function of state, batch and key for a loop of your own. Needs
`pip install 'jaxcompress[train]'`.
"""

import importlib
from typing import TYPE_CHECKING

from jaxcompress.train.losses import (
    LAMBDAS,
    RateDistortion,
    quality_lambda,
    rate_distortion,
    rate_distortion_by_picture,
    rate_lambda,
)

if TYPE_CHECKING:
    from jaxcompress.train import data
    from jaxcompress.train.checkpoints import Checkpoints
    from jaxcompress.train.distributed import initialize
    from jaxcompress.train.interruption import Interrupted
    from jaxcompress.train.logs import NonFiniteError
    from jaxcompress.train.loop import run
    from jaxcompress.train.optimizers import Optimizer, make_optimizer
    from jaxcompress.train.parallel import MeshRunner, PmapRunner, replicate
    from jaxcompress.train.recipe import Recipe, bundled_recipes, load_recipe, with_settings
    from jaxcompress.train.step import TrainState, init_state, make_step, with_solved_quantiles
    from jaxcompress.train.validation import Validation, export, validate

# Loaded on first use: they need optax, Orbax and Grain, which the objective does not.
_HOMES = {
    "Checkpoints": "checkpoints",
    "Interrupted": "interruption",
    "MeshRunner": "parallel",
    "NonFiniteError": "logs",
    "Optimizer": "optimizers",
    "PmapRunner": "parallel",
    "Recipe": "recipe",
    "TrainState": "step",
    "Validation": "validation",
    "bundled_recipes": "recipe",
    "export": "validation",
    "init_state": "step",
    "initialize": "distributed",
    "load_recipe": "recipe",
    "make_optimizer": "optimizers",
    "make_step": "step",
    "replicate": "parallel",
    "run": "loop",
    "validate": "validation",
    "with_settings": "recipe",
    "with_solved_quantiles": "step",
}

__all__ = [
    "LAMBDAS",
    "Checkpoints",
    "Interrupted",
    "MeshRunner",
    "NonFiniteError",
    "Optimizer",
    "PmapRunner",
    "RateDistortion",
    "Recipe",
    "TrainState",
    "Validation",
    "bundled_recipes",
    "data",
    "export",
    "init_state",
    "initialize",
    "load_recipe",
    "make_optimizer",
    "make_step",
    "quality_lambda",
    "rate_distortion",
    "rate_distortion_by_picture",
    "rate_lambda",
    "replicate",
    "run",
    "validate",
    "with_settings",
    "with_solved_quantiles",
]


def __getattr__(name: str):
    if name == "data":
        return importlib.import_module(f"{__name__}.data")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("jaxcompress"):
            raise
        raise ImportError(
            f"jaxcompress.train.{name} needs {error.name}; install it with pip install 'jaxcompress[train]'"
        ) from error


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
