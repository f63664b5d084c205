"""The readable decoder of light: its synthesis as recorded from the network, and files that a Codec writes."""

from pathlib import Path

import numpy as np
import pytest
from flax import traverse_util

from jaxcompress import Codec, Weights, integer, reference
from jaxcompress.codec import container, jxc
from jaxcompress.models import create
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
    assert [rate.value(0), rate.value(144)] == [-2, 6]
    assert rate.value(50) == pytest.approx(-2 + 8 * 50 / 144)


@pytest.fixture(scope="module")
def weights():
    params = {name.removeprefix("params/"): RECORDED[name] for name in RECORDED if name.startswith("params/")}
    model = create("light", n=12, m=16)
    made = Weights.from_params("light", model, traverse_util.unflatten_dict(params, sep="/"))
    return integer.quantize_entropy(made)


@pytest.mark.parametrize("number", [0, 49, 99])
@pytest.mark.parametrize("chunk", [64, 3])
def test_files_decode_to_the_latents_of_the_codec(weights, tmp_path, monkeypatch, number, chunk):
    monkeypatch.setattr(jxc, "_CHUNK", chunk)
    monkeypatch.setattr(jxc, "MIN_CHUNK", 1)
    monkeypatch.setattr(reference.container, "MIN_CHUNK", 1)
    weights.save(tmp_path / "light.safetensors")
    codec = Codec(weights)
    picture = np.rint(255 * RECORDED["x"][:50]).astype(np.uint8)
    data = codec._jxc.encode(picture, b"", 1, {"rate": number})
    header, strings = container.unpack(data)
    assert header.settings == (("rate", number),)
    assert len(strings) == (2 if chunk == 64 else 7)
    coder, shape = codec._coders[header.entropy_mode], (header.padded_height // 16, header.padded_width // 16)
    expected = coder.decode(
        strings, shape, header.chunk_size, order=header.symbol_order, threads=1, numbers={"rate": number}
    )
    found = reference.decode_latents(data, tmp_path / "light.safetensors")
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 100
    decoded = reference.decode(data, tmp_path / "light.safetensors")
    np.testing.assert_allclose(decoded.astype(int), codec.decompress(data), atol=1)


def test_damaged_strings_of_passes_are_refused(weights, tmp_path):
    weights.save(tmp_path / "light.safetensors")
    data = Codec(weights)._jxc.encode(np.rint(255 * RECORDED["x"][:50]).astype(np.uint8), b"", 1, {"rate": 49})
    header, (z, y) = container.unpack(data)
    for changed in (
        y._replace(data=y.data[:-4]),
        y._replace(data=y.data[:-1] + bytes([y.data[-1] ^ 1])),
        y._replace(checksum=y.checksum ^ 1),
    ):
        with pytest.raises(ValueError, match="checksum of a string is wrong"):
            reference.decode_latents(container.pack(header, [z, changed]), tmp_path / "light.safetensors")
