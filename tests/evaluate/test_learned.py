"""Learned codecs under evaluation."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

from jaxcompress import Codec, metrics, zoo
from jaxcompress.codec import container
from jaxcompress.evaluate import LearnedCodec, curve_name
from jaxcompress.ops import centered_padding


@pytest.fixture(scope="module")
def weights():
    return zoo.load("mbt2018-mean-small")


@pytest.fixture(scope="module")
def light():
    return zoo.load("light")


@pytest.fixture(scope="module")
def crop(photograph):
    return photograph[100:201, 200:299]  # of odd sides


def test_bytes_and_pixels_are_those_of_the_codec(weights, crop):
    codec = LearnedCodec({3: weights})
    encoded = codec.encode(crop, 3)
    assert encoded.data == Codec(weights).compress(crop)
    np.testing.assert_array_equal(
        codec.decode(encoded.data, 3, crop.shape[:2]).pixels, Codec(weights).decompress(encoded.data)
    )


def test_the_header_is_what_is_not_strings(weights, crop):
    encoded = LearnedCodec({3: weights}).encode(crop, 3)
    _, strings = container.unpack(encoded.data)
    total = sum(len(string.data) for string in strings)
    assert encoded.bits(count_header=False) == 8 * total
    assert encoded.bits() == 8 * len(encoded.data)
    assert 0 < len(encoded.data) - total < 200


def test_estimated_bits_are_near_the_real_ones(weights, crop):
    encoded = LearnedCodec({3: weights}).encode(crop, 3)
    bits = encoded.bits(count_header=False)
    assert encoded.estimated_bits == pytest.approx(bits, rel=0.04)  # a small picture: the ends of strings count


def test_an_estimate_is_that_of_the_likelihoods(weights, crop):
    estimate = LearnedCodec({3: weights}, estimate=True).encode(crop, 3)
    model = weights.model()
    top, bottom, left, right = centered_padding(*crop.shape[:2], model.stride)
    x = np.pad(crop / np.float32(255), ((top, bottom), (left, right), (0, 0)))[None].astype(np.float32)
    out = jax.jit(model.apply)(weights.variables, x)
    assert estimate.bits() == pytest.approx(float(metrics.estimated_bits_per_pixel(out.likelihoods, 1)), rel=1e-5)
    height, width = crop.shape[:2]
    x_hat = np.clip(np.asarray(out.x_hat)[0, top : top + height, left : left + width], 0, 1)
    assert np.abs(estimate.reconstruction.pixels - x_hat * 255).max() <= 0.501
    assert estimate.data == b""


def test_compiling_is_told_apart(weights, crop):
    codec = LearnedCodec({3: weights})
    odd = crop[:77, :45]
    jax.clear_caches()  # other tests have compiled what this needs
    first, second = codec.encode(odd, 3), codec.encode(odd, 3)
    assert first.compile_seconds > 0
    assert second.compile_seconds == 0
    assert first.seconds < first.compile_seconds


def test_waiting_for_another_thread_to_compile_is_not_coding(weights, crop):
    codec = LearnedCodec({3: weights})
    odd = crop[:61, :45]
    jax.clear_caches()
    with ThreadPoolExecutor(3) as pool:
        coded = list(pool.map(lambda _: codec.encode(odd, 3), range(3)))
    compiling = max(encoded.compile_seconds for encoded in coded)
    assert sum(encoded.compile_seconds > 0 for encoded in coded) == 1
    assert all(encoded.seconds < compiling for encoded in coded)


def test_what_is_told_names_weights_and_their_cost(weights):
    about = LearnedCodec({"small": weights}).facts()
    told = about["weights"]["small"]
    assert told["architecture"] == "mbt2018-mean"
    assert {"bits_fingerprint", "integer_fingerprint", "synthesis_fingerprint"} <= told.keys()
    assert sum(stage["parameters"] for stage in told["complexity"]) > 100_000


def test_a_curve_has_one_architecture(weights, golden_of):
    with pytest.raises(ValueError, match=r"\['mbt2018', 'mbt2018-mean'\]; a curve needs those of one"):
        LearnedCodec({1: weights, 2: golden_of("mbt2018").weights})


def test_curves_are_called_by_architecture_and_metric(weights):
    assert curve_name(weights) == "mbt2018-mean-mse"
    assert curve_name(dataclasses.replace(weights, metadata={})) == "mbt2018-mean"


def test_one_network_for_all_rates_is_a_curve(light, crop):
    codec = LearnedCodec({"light": light})
    assert codec.settings == tuple(range(1, 101))
    assert codec.qualities == (10, 25, 40, 60, 80)
    low, high = codec.encode(crop, 10), codec.encode(crop, 80)
    assert len(low.data) < len(high.data)
    assert high.data == Codec(light).compress(crop, quality=80)
    assert high.compile_seconds == 0  # the program of the first runs for all qualities
    assert low.estimated_bits < high.estimated_bits == pytest.approx(high.bits(count_header=False), rel=0.06)
    assert codec.facts()["weights"].keys() == {"light"}
    with pytest.raises(ValueError, match="has no quality 101"):
        codec.check_quality(101)


def test_an_estimate_is_made_at_its_quality(light, crop):
    codec = LearnedCodec({"light": light}, estimate=True)
    bits = [codec.encode(crop, quality).bits() for quality in (10, 50, 90)]
    assert sorted(set(bits)) == bits
