"""Pictures that are drawn rather than taken, to meet the signals of a network without any photographs."""

import functools

import numpy as np

_SIDE = 256
_SMALLEST = 4.0  # radius of a leaf, in pixels
# Leaves of a picture: from an open sky to a forest.
_LEAVES = (0, 3, 30, 300, 1500)
_ROUNDS = 4


@functools.cache
def drawn_pictures() -> tuple[np.ndarray, ...]:
    """Draws 20 pictures, from smooth ones to ones full of edges and textures, in all colours.

    Leaves of power-law sizes fall onto a shaded ground and cover each other, which gives pictures the statistics of
    natural ones over all scales.

    Returns:
        uint8 `[256, 256, 3]` each, the same every time.

    Source: the dead leaves model, Lee, Mumford and Huang 2001, "Occlusion models for natural images".
    """
    rng = np.random.default_rng(0)
    return tuple(_draw(rng, leaves) for _ in range(_ROUNDS) for leaves in _LEAVES)


def _draw(rng: np.random.Generator, leaves: int) -> np.ndarray:
    ground, variety = rng.uniform(0, 255, 3), rng.uniform(5, 45)
    across = (np.arange(_SIDE, dtype=np.float32) / _SIDE - 0.5)[:, None]
    slopes = rng.normal(0, rng.uniform(0, 60), (2, 3))
    picture = ground + across[:, None] * slopes[0] + across * slopes[1]
    # Of density proportional to the radius to the power -3.
    radii = (rng.uniform(_SIDE**-2.0, _SMALLEST**-2, leaves)) ** -0.5
    for radius in radii:
        colour = 0.3 * ground + 0.7 * rng.uniform(0, 255) + rng.normal(0, variety, 3)
        _drop(rng, picture, radius, colour)
    if rng.random() < 0.5:
        picture += rng.normal(0, rng.uniform(0, 12), (_SIDE, _SIDE, 1))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _drop(rng: np.random.Generator, picture: np.ndarray, radius: float, colour: np.ndarray) -> None:
    """Lets a leaf fall somewhere: an ellipse, shaded along one axis and sometimes striped across another."""
    centre = rng.uniform(-radius, _SIDE + radius, 2)
    (top, left), (bottom, right) = np.clip([centre - radius, centre + radius + 1], 0, _SIDE).astype(int)
    y = np.arange(top, bottom)[:, None] - centre[0]
    x = np.arange(left, right) - centre[1]
    angle, slimness = rng.uniform(0, np.pi), rng.uniform(1, 3)
    along, aside = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    light = along / radius * rng.normal(0, 20)
    if rng.random() < 0.3:
        light = light + np.sin(rng.uniform(0.1, 2.5) * aside) * rng.uniform(0, 50)
    covered = along**2 + (slimness * aside) ** 2 < radius**2
    picture[top:bottom, left:right][covered] = (colour + light[..., None])[covered]
