"""The optimizer: one optax transform for the networks and for the quantiles of the factorized prior.

CompressAI keeps two optimizers, a main one and an "auxiliary" one that moves nothing but the quantiles. Here both are
parts of one transform, chosen by the name of the parameter, so that a training state has one optimizer state.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

SCHEDULES = ("constant", "plateau", "cosine")
QUANTILES = ("learned", "solved")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer:
    """Adam with a schedule; the defaults are CompressAI's.

    Attributes:
        learning_rate: of the networks, at its highest.
        aux_learning_rate: of the quantiles.
        clip_norm: bound on the global norm of the networks' gradient; 0 is none.
        schedule: "constant"; "plateau", which multiplies the rate by `plateau_factor` when the validation loss has not
            fallen for more than `plateau_patience` validations; or "cosine", which falls to `final_fraction` of the
            rate at the last step.
        warmup_steps: steps of linear rise from zero.
        decay_from: part of the run after which the cosine begins to fall; the rate is constant before.
        plateau_factor: see `schedule`.
        plateau_patience: see `schedule`.
        final_fraction: see `schedule`.
        beta2: decay of Adam's mean of squared gradients.
        epsilon: added to the root of that mean; a larger one keeps rare gradients from moving parameters far.
        slow_layers: names of layers that learn more slowly, with commas between, such as "linear".
        slow_factor: factor of their learning rate.
        quantiles: "learned" by the auxiliary loss, as CompressAI does; or "solved" exactly by bisection every 100
            steps, without an auxiliary loss.
        ema_decay: of the exponential moving average of the parameters that is validated and exported; 0 is none.
        accumulate: parts that a batch is computed in, one after the other, to save memory; each with noise of its own.
            0 leaves it to the step: one part, but on a lone CPU parts whose layers stay near its caches, which is
            faster.
    """

    learning_rate: float = 1e-4
    aux_learning_rate: float = 1e-3
    clip_norm: float = 1.0
    schedule: str = "plateau"
    warmup_steps: int = 0
    decay_from: float = 0.0
    plateau_factor: float = 0.1
    plateau_patience: int = 10
    final_fraction: float = 0.0
    beta2: float = 0.999
    epsilon: float = 1e-8
    slow_layers: str = ""
    slow_factor: float = 0.1
    quantiles: str = "learned"
    ema_decay: float = 0.0
    accumulate: int = 0

    def __post_init__(self):
        """Raises ValueError for what makes no sense."""
        for name, known in (("schedule", SCHEDULES), ("quantiles", QUANTILES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}")
        ranges = {
            "learning_rate": self.learning_rate > 0,
            "aux_learning_rate": self.aux_learning_rate > 0,
            "clip_norm": self.clip_norm >= 0,
            "warmup_steps": self.warmup_steps >= 0,
            "beta2": 0 <= self.beta2 < 1,
            "epsilon": self.epsilon > 0,
            "decay_from": 0 <= self.decay_from < 1,
            "slow_factor": 0 <= self.slow_factor <= 1,
            "plateau_factor": 0 < self.plateau_factor < 1,
            "plateau_patience": self.plateau_patience >= 0,
            "final_fraction": 0 <= self.final_fraction <= 1,
            "ema_decay": 0 <= self.ema_decay < 1,
            "accumulate": self.accumulate >= 0,
        }
        for name, valid in ranges.items():
            if not valid:
                raise ValueError(f"{name} is {getattr(self, name)!r}, which is out of range; see train.Optimizer")


def learning_rate_schedule(config: Optimizer, *, steps: int) -> optax.Schedule:
    """Learning rate of the networks by step, before the plateau's factor.

    Args:
        config: see `Optimizer`.
        steps: length of the run.
    """
    rate, warmup = config.learning_rate, config.warmup_steps
    if config.schedule == "cosine":
        constant = max(int(config.decay_from * steps) - warmup, 0)
        after = optax.cosine_decay_schedule(rate, max(steps - warmup - constant, 1), alpha=config.final_fraction)
        if constant:
            after = optax.join_schedules([optax.constant_schedule(rate), after], [constant])
    else:
        after = optax.constant_schedule(rate)
    return optax.join_schedules([optax.linear_schedule(0, rate, warmup), after], [warmup]) if warmup else after


def make_optimizer(config: Optimizer, *, steps: int) -> optax.GradientTransformationExtraArgs:
    """The transform of a configuration.

    Args:
        config: see `Optimizer`.
        steps: length of the run, for the schedule.

    Returns:
        An optax transform over the parameters of a model. Its `update` takes `scale=`, which multiplies the step of
        the networks (the plateau's factor).

    Source: CompressAI `net_aux_optimizer`; the clipping norm leaves out the quantiles, as there.
    """
    slow = functools.partial(_is_slow, config)
    networks = optax.chain(
        optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity(),
        optax.adam(learning_rate_schedule(config, steps=steps), b2=config.beta2, eps=config.epsilon),
        *([optax.masked(optax.scale(config.slow_factor), slow)] if config.slow_layers else []),
        _scale_by_argument(),
    )
    learned = config.quantiles == "learned"
    quantiles = optax.adam(config.aux_learning_rate) if learned else optax.set_to_zero()
    return optax.multi_transform({"networks": networks, "quantiles": quantiles}, _label)


def make_plateau(config: Optimizer) -> optax.GradientTransformationExtraArgs:
    """What decides the plateau schedule's factor, by one update for each validation.

    Args:
        config: see `Optimizer`.

    Returns:
        A transform without updates: `make_plateau(config).update({}, state, value=loss)[1].scale` is the factor.

    Source: PyTorch `ReduceLROnPlateau(mode="min")`, whose patience counts one less than optax's.
    """
    return optax.contrib.reduce_on_plateau(
        factor=config.plateau_factor, patience=config.plateau_patience + 1, rtol=1e-4, atol=0.0
    )


def _scale_by_argument() -> optax.GradientTransformationExtraArgs:
    def update(updates, state, params=None, *, scale: Any = 1.0, **_):
        del params
        return jax.tree.map(lambda u: jnp.asarray(scale, u.dtype) * u, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def _is_slow(config: Optimizer, params: Any) -> Any:
    """Whether each parameter belongs to a slow layer."""
    layers = {name.strip() for name in config.slow_layers.split(",")}
    return jax.tree_util.tree_map_with_path(lambda path, _: any(entry.key in layers for entry in path), params)


def _label(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "quantiles" if path[-1].key == "quantiles" else "networks", params
    )
