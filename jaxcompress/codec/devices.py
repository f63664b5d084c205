"""The device that a thread works on."""

import jax


def chosen_device() -> jax.Device | str | None:
    """What `jax.default_device` says in this thread; None if nothing does."""
    return jax.config.jax_default_device  # type: ignore[attr-defined]
