"""The synthesis of light, as recorded from the network that was trained."""

from pathlib import Path

import numpy as np
import pytest

from jaxcompress.reference.architectures import ARCHITECTURES
from jaxcompress.reference.light import run_light_synthesis

RECORDED = np.load(Path(__file__).parent.parent / "golden" / "light.npz")


@pytest.mark.parametrize("picture", range(3))
def test_pictures_are_those_of_the_recorded_network(picture):
    parameters = {name.removeprefix("params/"): RECORDED[name] for name in RECORDED if name.startswith("params/")}
    found = run_light_synthesis(parameters, RECORDED["y_hat"][picture], float(RECORDED["t"][picture]))
    expected = RECORDED["x_hat"][picture]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max(), rtol=0)


def test_rates_beyond_the_tables_lie_on_the_line_through_the_nearest_rows():
    parameters = {name.removeprefix("params/"): RECORDED[name] for name in RECORDED if name.startswith("params/")}
    y_hat = RECORDED["y_hat"][0]
    for rate, rows in ((-2, (0, 1)), (6, (4, 5))):
        lines = {
            name: parameters[name][rows[0]] + (rate - rows[0]) * (parameters[name][rows[1]] - parameters[name][rows[0]])
            for name in ("gain/inverse", "g_s/scale")
        }
        expected = run_light_synthesis(
            parameters | {name: np.stack([line] * 6) for name, line in lines.items()}, y_hat, 3
        )
        np.testing.assert_allclose(
            run_light_synthesis(parameters, y_hat, rate), expected, atol=1e-5 * np.abs(expected).max(), rtol=0
        )


def test_numbers_of_the_rate_are_even_steps():
    rate = ARCHITECTURES["light"].settings["rate"]
    assert [rate.value(0), rate.value(99)] == [-2, 6]
    assert rate.value(50) == pytest.approx(-2 + 8 * 50 / 99)
