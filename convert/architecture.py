"""Which architecture a state_dict belongs to, and its sizes, from its keys and shapes alone."""

from collections.abc import Mapping

import numpy as np


def infer(state: Mapping[str, np.ndarray]) -> tuple[str, int, int]:
    """Tells architecture, N and M.

    Args:
        state: arrays by current key (see `keys.current_key`).

    Returns:
        Name (see `jaxcompress.models.ARCHITECTURES`), n, m.

    Raises:
        ValueError: the keys belong to no architecture that is supported.
    """
    if any(key.startswith(("latent_codec.", "Gain", "QuantABCD", "gayn2zqstep")) for key in state):
        raise ValueError(
            "this is a variable-rate, checkerboard or ELIC checkpoint, which are not supported; supported are the "
            "factorized, hyperprior, mbt2018 and cheng2020 models"
        )
    try:
        if "g_a.0.conv1.weight" in state:
            n = state["g_a.0.conv1.weight"].shape[0]
            attention = any(key.startswith("g_a.3.conv_a.") for key in state)
            return ("cheng2020-attn" if attention else "cheng2020-anchor"), n, n
        n, m = state["g_a.0.weight"].shape[0], state["g_a.6.weight"].shape[0]
        if "context_prediction.weight" in state:
            return "mbt2018", n, m
        if "h_s.4.weight" in state:
            has_means = state["h_s.4.weight"].shape[0] == 2 * m
            return ("mbt2018-mean" if has_means else "bmshj2018-hyperprior"), n, m
        return ("bmshj2018-factorized" if "g_a.1.beta" in state else "bmshj2018-factorized-relu"), n, m
    except (KeyError, IndexError) as error:
        some = ", ".join(sorted(state)[:3])
        raise ValueError(
            f"this state_dict ({some}, ...) tells no sizes ({error}): it is no checkpoint of a CompressAI image model"
        ) from error
