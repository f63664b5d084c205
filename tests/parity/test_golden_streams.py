"""Every byte CompressAI wrote, written again, and read."""

import functools
import io

import jax
import numpy as np
import pytest
from PIL import Image

from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.entropy import build_gaussian_tables, default_scale_table


def picture_tolerance(case):
    return 5e-5 if case.architecture.startswith("cheng") else 2e-5


def test_strings_are_byte_identical(golden):
    strings, shape = golden.codec.compress_strings(golden.x)
    assert shape == tuple(golden.arrays["shape"])
    assert strings == golden.strings()


def test_recorded_strings_decode_to_compressai_s_picture(golden):
    x_hat = golden.codec.decompress_strings(golden.strings(), tuple(golden.arrays["shape"]))
    name = "decompress/x_hat" if "decompress/x_hat" in golden.arrays else "eval/x_hat"
    assert np.abs(x_hat - np.clip(golden.image(name), 0, 1)).max() <= picture_tolerance(golden)


def test_the_coded_forward_is_what_the_codec_decodes(golden):
    # To the last bits: the codec's networks run on windows, and its kernel of autoregressive models sums in an order of
    # its own.
    bound = 2e-6
    strings, shape = golden.codec.compress_strings(golden.x)
    decoded = golden.codec.decompress_strings(strings, shape)
    forward = jax.jit(functools.partial(golden.weights.model().apply, as_coded=True))
    for picture, expected in zip(golden.x, decoded, strict=True):
        x_hat = forward(golden.weights.variables, picture[None]).x_hat[0]
        np.testing.assert_allclose(x_hat, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("architecture", [name for name in COMPRESSAI if not name.endswith("-relu")])
def test_containers_decode_to_the_recorded_pictures(architecture, golden_of, golden_folder):
    data = (golden_folder / "container" / f"{architecture}.bin").read_bytes()
    expected = np.asarray(Image.open(golden_folder / "container" / f"{architecture}.png"))
    found = golden_of(architecture).codec.decompress(data)
    assert found.shape == expected.shape == (131, 205, 3)
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).sum() <= 10


@pytest.mark.parametrize("architecture", [name for name in COMPRESSAI if not name.endswith("-relu")])
def test_containers_are_byte_identical(architecture, golden_of, golden_folder):
    picture = np.asarray(Image.open(io.BytesIO((golden_folder / "container" / "picture.png").read_bytes())))
    written = golden_of(architecture).codec.compress(picture, format="compressai")
    assert written == (golden_folder / "container" / f"{architecture}.bin").read_bytes()


def test_gaussian_tables_equal_the_recorded_ones_in_every_entry(golden_folder):
    recorded = np.load(golden_folder / "gaussian_tables.npz")
    tables = build_gaussian_tables(default_scale_table())
    np.testing.assert_array_equal(tables.scale_table.view(np.uint32), recorded["scale_table"].view(np.uint32))
    np.testing.assert_array_equal(tables.cdf, recorded["quantized_cdf"])
    np.testing.assert_array_equal(tables.cdf_length, recorded["cdf_length"])
    np.testing.assert_array_equal(tables.offset, recorded["offset"])
