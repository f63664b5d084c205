"""Recipes: everything that decides a training run but where its data lie, as one frozen dataclass.

A recipe file is Python with a module docstring (command, hardware, time, expected rate and PSNR) and a variable
`recipe`. To train a model of your own, subclass `Recipe` there and override `make_model`.
"""

import dataclasses
import importlib.util
import math
import sys
import traceback
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxcompress import ops
from jaxcompress.metrics import MS_SSIM_MIN_SIDE
from jaxcompress.models import CompressionModel, Output, create, sizes
from jaxcompress.train.data.batches import Source
from jaxcompress.train.losses import LAMBDAS, RateDistortion, quality_lambda, rate_distortion
from jaxcompress.train.optimizers import Optimizer
from jaxcompress.train.parallel import RUNNERS
from jaxcompress.train.step import Loss

if typing.TYPE_CHECKING:
    from jaxcompress.train.validation import Validation

_FOLDER = Path(__file__).parent / "recipes"

COMPUTE = {"float32": jnp.float32, "tensorfloat32": jnp.float32, "bfloat16": jnp.bfloat16}
"""What the networks may be computed in, by name; tensorfloat32 rounds the factors of products, on GPUs that can."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run. The defaults are CompressAI's where it has any.

    Attributes:
        architecture: name, see `jaxcompress.models.ARCHITECTURES`; any name if `make_model` is overridden.
        quality: published quality, 1 to 8, which gives n, m and lambda where they are not given.
        n: width of the transforms.
        m: channels of the latent y.
        metric: distortion, "mse" or "ms-ssim".
        lmbda: weight of the distortion.
        quantizer: what stands in for rounding, see `ops.TRAINING_QUANTIZERS`.
        compute: type that the networks are computed in, see `COMPUTE`; parameters and rates are float32.
        start: weights file (.safetensors, or CompressAI's .pth.tar) to start from instead of random parameters.
        optimizer: see `Optimizer`.
        steps: length of the run.
        batch_size: pictures in a step, over all devices.
        crop: side of the square crops, a multiple of the model's stride.
        flip: mirror half of the crops.
        seed: of parameters, noise, and the order and crops of the pictures.
        parallel: how the step runs on several devices, see `RUNNERS`.
        log_every: steps between lines of metrics.
        validate_every: steps between validations with real bitstreams.
        checkpoint_every: steps between checkpoints.
        validation_pictures: number of pictures, cropped centrally to `validation_crop`.
        validation_crop: side of their square crops.
        cache_gib: memory for decoded training pictures.
        licence: of the resulting weights, stored with them.
        training_data: name of the data, likewise.

    Example:
        recipe = Recipe(architecture="mbt2018-mean", quality=3, steps=1_000_000)
    """

    architecture: str = "bmshj2018-factorized"
    quality: int | None = None
    n: int | None = None
    m: int | None = None
    metric: str = "mse"
    lmbda: float | None = None
    quantizer: str = "noise"
    compute: str = "float32"
    start: str = ""
    optimizer: Optimizer = dataclasses.field(default_factory=Optimizer)
    steps: int = 1_000_000
    batch_size: int = 16
    crop: int = 256
    flip: bool = True
    seed: int = 0
    parallel: str = "jit"
    log_every: int = 100
    validate_every: int = 5000
    checkpoint_every: int = 1000
    validation_pictures: int = 16
    validation_crop: int = 256
    cache_gib: float = 1.0
    licence: str = ""
    training_data: str = ""

    def __post_init__(self):
        """Raises ValueError for what makes no sense."""
        choices = {"quantizer": ops.TRAINING_QUANTIZERS, "compute": COMPUTE, "parallel": RUNNERS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")
        counts = ("steps", "batch_size", "crop", "log_every", "validate_every", "checkpoint_every")
        for name in (*counts, "validation_pictures", "validation_crop"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected at least 1")
        if not 0 < self.weight_of_distortion < math.inf:
            raise ValueError(f"lmbda is {self.lmbda!r}; expected a positive number")
        if self.metric == "ms-ssim" and min(self.crop, self.validation_crop) < MS_SSIM_MIN_SIDE:
            raise ValueError(
                f"crop is {self.crop} and validation_crop {self.validation_crop}; MS-SSIM needs at least "
                f"{MS_SSIM_MIN_SIDE}"
            )

    @property
    def weight_of_distortion(self) -> float:
        """Lambda: as given, else that of the quality."""
        if self.metric not in LAMBDAS:
            raise ValueError(f"metric is {self.metric!r}; expected one of {', '.join(LAMBDAS)}")
        if self.lmbda is not None:
            return self.lmbda
        if self.quality is None:
            raise ValueError("lmbda and quality are both missing; give one of them")
        return quality_lambda(self.quality, metric=self.metric)

    def make_model(self) -> CompressionModel:
        """The Flax module to train; override it to train your own."""
        n, m = self.n, self.m
        if self.quality is not None:
            published = sizes(self.architecture, self.quality)
            n, m = n if n is not None else published[0], m if m is not None else published[1]
        return create(self.architecture, n=n, m=m)

    def initial_params(self, model: CompressionModel, pictures: Source) -> Any:
        """Parameters to begin with, where `start` names none; override it to begin with something better than chance.

        Args:
            model: the module.
            pictures: training pictures.
        """
        x = jnp.zeros((1, model.stride, model.stride, 3), jnp.float32)
        return jax.jit(model.init)(jax.random.key(self.seed), x)["params"]

    def make_loss(self) -> Loss:
        """What to minimize, `(output, x, **settings) -> RateDistortion`; override it to minimize something else."""
        lmbda, metric = self.weight_of_distortion, self.metric

        def loss(output: Output, x: jax.Array, **settings: jax.Array) -> RateDistortion:
            return rate_distortion(output, x, lmbda=lmbda, metric=metric)

        return loss

    def draw_settings(self, model: CompressionModel, key: jax.Array, count: int) -> dict[str, jax.Array]:
        """Draws the model's settings for a batch, evenly over their ranges; override it to draw them otherwise.

        Args:
            model: the module.
            key: PRNG key; the function is traced under `jax.jit`.
            count: number of pictures in the batch.

        Returns:
            float32 `[count]` by name; empty for a model without settings.
        """
        keys = jax.random.split(key, max(len(model.layout.settings), 1))
        return {
            setting.name: jax.random.uniform(key, (count,), minval=setting.low, maxval=setting.high)
            for key, setting in zip(keys, model.layout.settings, strict=False)
        }

    def validation_qualities(self, model: CompressionModel) -> Sequence[int | None]:
        """Qualities to validate at, see `Codec.compress`: the default; override it to validate at several.

        Args:
            model: the module.
        """
        return [None]

    def validation_loss(self, result: "Validation", **settings: float) -> float:
        """Loss of a validation, by which the best weights are known.

        Args:
            result: means over the pictures.
            settings: values that the model's settings had.
        """
        return result.loss(lmbda=self.weight_of_distortion, metric=self.metric)

    def as_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return dataclasses.asdict(self)


def bundled_recipes() -> dict[str, Path]:
    """The recipes in the package, by name."""
    return {path.stem.replace("_", "-"): path for path in sorted(_FOLDER.glob("*.py"))}


def load_recipe(name: str) -> Recipe:
    """Loads a recipe.

    Args:
        name: of a bundled recipe, or path of a Python file.

    Returns:
        The file's `recipe`.

    Raises:
        ValueError: there is no such recipe, or the file has no `recipe`.
    """
    path = bundled_recipes().get(name, Path(name))
    if path.suffix != ".py" or not path.is_file():
        raise ValueError(f"there is no recipe {name!r}; give a Python file, or one of {', '.join(bundled_recipes())}")
    spec = importlib.util.spec_from_file_location(f"jaxcompress_recipe_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses of the file look for their module there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == spec.origin]
        place = f" (line {lines[-1]})" if lines else ""
        raise ValueError(f"{path} is no usable recipe: {type(error).__name__}: {error}{place}") from error
    recipe = getattr(module, "recipe", None)
    if not isinstance(recipe, Recipe):
        what = f"; it is {recipe!r}" if hasattr(module, "recipe") else ""
        raise ValueError(f"{path} has no variable `recipe` that is a jaxcompress.train.Recipe{what}")
    return recipe


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with some fields replaced.

    Args:
        recipe: to start from.
        settings: texts such as "steps=1000" or "optimizer.learning_rate=3e-4".

    Raises:
        ValueError: there is no such field, or the text is no value for it.
    """
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"{setting!r} is no setting; expected key=value, such as steps=1000")
        recipe = _replace(recipe, name.strip().split("."), text.strip(), setting)
    return recipe


def _replace(config: Any, path: list[str], text: str, setting: str) -> Any:
    types_of = typing.get_type_hints(type(config))
    name = path[0]
    if name not in {field.name for field in dataclasses.fields(config)}:
        known = [field.name for field in dataclasses.fields(config)]
        if isinstance(config, Recipe):
            known += [f"optimizer.{field.name}" for field in dataclasses.fields(Optimizer)]
        raise ValueError(f"{setting!r} names {name!r}, which is no setting; there are {', '.join(known)}")
    if dataclasses.is_dataclass(getattr(config, name)) != (len(path) > 1):
        raise ValueError(f"{setting!r} is no setting of one value; settings of the optimizer are optimizer.KEY=VALUE")
    value = (
        _replace(getattr(config, name), path[1:], text, setting)
        if len(path) > 1
        else _parse(types_of[name], text, setting)
    )
    return dataclasses.replace(config, **{name: value})


def _parse(annotation: Any, text: str, setting: str) -> Any:
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    if types.NoneType in kinds and text.lower() == "none":
        return None
    kind = kinds[0]
    if kind is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise ValueError(f"{setting!r}: {text!r} is neither true nor false")
    try:
        return kind(text.replace("_", "") if kind is int else text)
    except ValueError as error:
        raise ValueError(f"{setting!r}: {text!r} is no {kind.__name__}") from error
