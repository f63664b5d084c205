"""The training step: a pure function of state, batch and key."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxcompress.entropy import bottleneck_aux_loss, solve_quantiles
from jaxcompress.models import CompressionModel
from jaxcompress.train.losses import RateDistortion
from jaxcompress.train.optimizers import Optimizer, learning_rate_schedule, make_optimizer, make_plateau

Step = Callable[["TrainState", Any, jax.Array], tuple["TrainState", dict[str, jax.Array]]]
Loss = Callable[..., RateDistortion]
"""Called as `loss(output, x, **settings)`, the settings those that the batch was coded with."""
DrawSettings = Callable[[jax.Array, int], dict[str, jax.Array]]
"""From a key and the number of pictures, a setting of the model for each, float32 `[N]` by name."""

_STEPS_BETWEEN_SOLUTIONS = 100
_SETTINGS_STREAM = 2**31 - 1
"""Number folded into a step's key for its settings, far from those that noise and parts of a batch use."""
_PIXELS_AT_ONCE = 2 * 256 * 256
"""Of a part of a batch on a CPU: its layers go through the caches rather than the memory (measured on one CPU)."""


@flax.struct.dataclass
class TrainState:
    """Everything that a step changes.

    Attributes:
        step: steps done, int32 scalar.
        params: parameters of the model, float32.
        opt_state: state of the optimizer.
        ema: moving average of the parameters, or None.
        plateau: state of the plateau schedule; its scale multiplies the learning rate.
    """

    step: jax.Array
    params: Any
    opt_state: Any
    ema: Any
    plateau: Any

    @property
    def averaged(self) -> Any:
        """The parameters to validate and to export: the moving average if there is one."""
        return self.params if self.ema is None else self.ema


def init_state(params: Any, config: Optimizer, *, steps: int) -> TrainState:
    """The state before the first step.

    Args:
        params: parameters of the model.
        config: see `Optimizer`.
        steps: length of the run.
    """
    params = jax.tree.map(jnp.asarray, params)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=make_optimizer(config, steps=steps).init(params),
        ema=jax.tree.map(jnp.copy, params) if config.ema_decay else None,
        plateau=make_plateau(config).init({}),
    )


def make_step(
    model: CompressionModel,
    config: Optimizer,
    *,
    loss: Loss,
    steps: int,
    axis_name: str | None = None,
    draw_settings: DrawSettings | None = None,
) -> Step:
    """Makes the training step.

    Args:
        model: the module; its `training_quantizer` and `compute_dtype` hold for the step.
        config: see `Optimizer`.
        loss: what to minimize, `(output, x, **settings) -> RateDistortion`, such as `rate_distortion` with a lambda.
        steps: length of the run, for the schedule.
        axis_name: mapped axis over which the batch is split (`jax.pmap`, `jax.shard_map`); gradients and metrics are
            averaged over it. Under `jax.jit` with sharded arrays there is none.
        draw_settings: draws the settings of each picture, see `DrawSettings`; without it the model is called without.

    Returns:
        A pure function `(state, batch, key) -> (state, metrics)`. The batch is uint8 `[N, H, W, 3]`, or floats in
        [0, 1]; the key is the run's, from which each step derives its own. Metrics are float32 scalars: loss, bpp,
        mse, gradient_norm, learning_rate (and ms_ssim; and aux_loss, where quantiles are learned by it).

    Raises:
        ValueError: by the function, when a batch cannot be cut into as many parts as `config` accumulates.

    Source: CompressAI `examples/train.py`. As there, the networks move first, and the auxiliary loss of the quantiles
    is that of the densities they moved to.
    """
    optimizer = make_optimizer(config, steps=steps)
    schedule = learning_rate_schedule(config, steps=steps)

    def loss_and_metrics(params, x, settings, key):
        output: Any = model.apply({"params": params}, x, training=True, rngs={"noise": key}, **settings)
        found = loss(output, x, **settings)
        return found.loss, {name: value for name, value in found._asdict().items() if value is not None}

    gradients_of = jax.grad(loss_and_metrics, has_aux=True)  # zero for the quantiles: the objective does not see them

    def settings_of(key, count):
        if draw_settings is None:
            return {}
        key = jax.random.fold_in(key, _SETTINGS_STREAM)
        if axis_name is None:
            return draw_settings(key, count)
        drawn, first = draw_settings(key, count * lax.axis_size(axis_name)), lax.axis_index(axis_name) * count
        return {name: lax.dynamic_slice_in_dim(values, first, count) for name, values in drawn.items()}

    def accumulated(params, x, settings, key, *, count):
        # Every so many-th picture, so that a part is spread over the devices as the batch is.
        parts = jax.tree.map(lambda a: a.reshape(-1, count, *a.shape[1:]).swapaxes(0, 1), (x, settings))

        def add(total, part):
            return jax.tree.map(jnp.add, total, gradients_of(params, *part)), None

        zeros = jax.tree.map(
            lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(gradients_of, params, x, settings, key)
        )
        total, _ = lax.scan(add, zeros, (*parts, jax.random.split(key, count)))
        return jax.tree.map(lambda value: value / count, total)

    def step(state: TrainState, batch: jax.Array, key: jax.Array) -> tuple[TrainState, dict[str, jax.Array]]:
        parts = config.accumulate or _parts(batch.shape)
        if batch.shape[0] % parts:
            raise ValueError(f"a batch of {batch.shape[0]} cannot be accumulated in {parts} equal parts")
        x = batch.astype(jnp.float32) / 255 if batch.dtype == jnp.uint8 else batch
        key = jax.random.fold_in(key, state.step)
        compute = functools.partial(accumulated, count=parts) if parts > 1 else gradients_of
        gradients, metrics = compute(state.params, x, settings_of(key, len(x)), key)
        if axis_name is not None:
            gradients, metrics = lax.pmean((gradients, metrics), axis_name)
        metrics["gradient_norm"] = optax.tree.norm(gradients)
        metrics["learning_rate"] = schedule(state.step) * state.plateau.scale

        update = functools.partial(
            optimizer.update, state=state.opt_state, params=state.params, scale=state.plateau.scale
        )
        updates, opt_state = update(gradients)
        params = optax.apply_updates(state.params, updates)
        densities = _densities(params)
        if config.quantiles == "solved":
            params = _with_quantiles_solved(params, state.step)
        elif densities:
            # Where the networks moved to decides the gradient of the quantiles, so there is a second update, and that
            # one counts. The networks' part is the same in both, and the compiler computes it once.
            metrics["aux_loss"], auxiliary = jax.value_and_grad(_aux_loss)(densities)
            updates, opt_state = update(_with_quantiles(gradients, auxiliary))
            params = optax.apply_updates(state.params, updates)
        ema = _average(state.ema, params, state.step, config.ema_decay) if config.ema_decay else None
        return TrainState(state.step + 1, params, opt_state, ema, state.plateau), metrics

    return step


def _parts(shape: tuple[int, ...]) -> int:
    """How many parts a batch `[N, H, W, 3]` is best computed in here."""
    if jax.default_backend() != "cpu" or jax.device_count() > 1:
        return 1
    count, height, width, _ = shape
    return min(
        n
        for n in range(1, count + 1)
        if count % n == 0 and (count // n * height * width <= _PIXELS_AT_ONCE or n == count)
    )


def _average(ema: Any, params: Any, step: jax.Array, decay: float) -> Any:
    """Moving average whose memory grows with the run at first, so that the beginning does not linger."""
    weight = jnp.maximum(1 - decay, 9 / (10 + step))
    return optax.incremental_update(params, ema, weight)


def with_solved_quantiles(params: Any) -> Any:
    """The parameters with the quantiles of factorized priors solved exactly; others have none.

    Args:
        params: of a model.
    """
    solved = {name: {"quantiles": solve_quantiles(density)} for name, density in _densities(params).items()}
    return _with_quantiles(params, solved)


def _densities(params: Any) -> dict[str, Any]:
    """The parts of a model's parameters that have quantiles: its factorized priors."""
    return {name: part for name, part in params.items() if "quantiles" in part}


def _aux_loss(densities: dict[str, Any]) -> jax.Array:
    return sum((bottleneck_aux_loss(density) for density in densities.values()), jnp.zeros(()))


def _with_quantiles(params: Any, found: Mapping[str, Any]) -> Any:
    """The parameters with the quantiles of `found`."""
    return {**params, **{name: {**params[name], "quantiles": part["quantiles"]} for name, part in found.items()}}


def _with_quantiles_solved(params: Any, step: jax.Array) -> Any:
    return lax.cond(step % _STEPS_BETWEEN_SOLUTIONS == 0, with_solved_quantiles, lambda params: params, params)
