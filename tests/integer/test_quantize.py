"""Quantization without training: close to the float networks, the same every time, and refused where it cannot be."""

import dataclasses
import logging
from functools import partial

import flax.linen as nn
import jax
import numpy as np
import pytest
from flax import traverse_util

from jaxcompress import Codec, Weights, load
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.codec.coded_string import EntropyMode
from jaxcompress.codec.context import integer_context_model
from jaxcompress.integer import IntegerEvaluator, UnsupportedNetworkError, drawn, quantize_entropy
from jaxcompress.layers import Conv, ConvTranspose, Sequential, SubPixelConv, leaky_relu
from jaxcompress.models import JointAutoregressive, MeanScaleHyperprior, ScaleHyperprior, create
from jaxcompress.priors import Raster
from jaxcompress.train.validation import export
from jaxcompress.weights_checks import expected_params

HYPERPRIORS = [name for name in COMPRESSAI if "factorized" not in name]
# The networks of cheng2020 take long to compile.
MOSTLY_FAST = [pytest.param(name, marks=[pytest.mark.slow] * name.startswith("cheng")) for name in HYPERPRIORS]


def pictures_of(case):
    return np.rint(case.x * 255).astype(np.uint8)


def parameters(codec, picture):
    """Indexes and means of a picture's latents, by the float networks and by the integer ones."""
    of_float, of_integer = (codec._coders[mode] for mode in (EntropyMode.FLOAT, EntropyMode.INTEGER))
    y, z = codec.analyse(picture)
    symbols = np.rint(z - of_float.medians).astype(np.int32)
    area = slice(0, y.shape[0]), slice(0, y.shape[1])
    hypers = of_float._side(symbols, area, {}), of_integer._side(symbols, area, {})
    if not isinstance(codec.model.layout.last.prior, Raster):
        return hypers
    y_hat = np.rint(y)
    scales, means = of_float._chunks._kernel.predict(y_hat, hypers[0])
    indexes = (scales[..., None] > codec.weights.tables["gaussian_conditional"].scale_table[:-1]).sum(-1)
    found, found_means = of_integer._chunks._kernel.predict(y_hat, hypers[1])
    return (indexes, means), (found, found_means / np.float32(64))


@pytest.mark.parametrize("architecture", MOSTLY_FAST)
def test_tables_and_means_are_close_to_those_of_the_float_networks(architecture, golden_of, integer_weights_of):
    case, codec = golden_of(architecture), Codec(integer_weights_of(architecture))
    for picture in pictures_of(case):
        (indexes, means), (found, found_means) = parameters(codec, picture)
        assert len(np.unique(indexes)) > 15
        # Tables: 64 cover scales from 0.11 to 256. The narrowest network, of 24 channels, is 0.34 off; others 0.25.
        assert np.sqrt(np.mean((found.astype(float) - indexes) ** 2)) < 0.36
        if means is not None:
            assert np.sqrt(np.mean((found_means - means) ** 2)) < 0.0125  # latents
    of_float = Codec(codec.weights, entropy="float")
    sizes = [sum(map(len, each.compress_batch(pictures_of(case)))) for each in (codec, of_float)]
    assert sizes[0] <= 1.01 * sizes[1]


def test_drawn_pictures_are_the_same_each_time():
    pictures = drawn.drawn_pictures()
    drawn.drawn_pictures.cache_clear()
    again = drawn.drawn_pictures()
    assert len(pictures) == 20
    for picture, other in zip(pictures, again, strict=True):
        assert picture.shape == (256, 256, 3)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, other)


@pytest.mark.slow
def test_pictures_are_taken_into_account(golden_of):
    weights = golden_of("bmshj2018-hyperprior").weights
    first = quantize_entropy(weights)
    again = quantize_entropy(weights, [])
    assert again.bits_fingerprint(integer=True) == first.bits_fingerprint(integer=True)
    assert first.bits_fingerprint() == weights.bits_fingerprint()
    # Smaller than what a kernel sees of z, and noise, whose signals are larger than any photograph's.
    noise = np.random.default_rng(0).choice(np.uint8([0, 255]), (70, 200, 3))
    for pictures in ([np.zeros((1, 1, 3), np.uint8)], iter([noise])):
        other = quantize_entropy(weights, pictures)
        assert other.bits_fingerprint(integer=True) != first.bits_fingerprint(integer=True)
    wider = quantize_entropy(weights, margin=4)
    first_layer, finer = (w.integer.hyper_synthesis[0] for w in (wider, first))
    assert first_layer.shift.mean() > finer.shift.mean() + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.99}, "margin is 0.99; expected a finite number"),
        ({"margin": float("nan")}, "margin is nan"),
        ({"margin": float("inf")}, "margin is inf"),
        ({"images": [np.zeros((4, 4, 3), np.float32)]}, r"float32 .4, 4, 3.; expected uint8 .H, W, 3."),
        ({"images": [np.zeros((4, 4), np.uint8)]}, r"uint8 .4, 4.; expected"),
        ({"images": [np.zeros((4, 4, 4), np.uint8)]}, r"uint8 .4, 4, 4.; expected"),
        ({"images": [np.zeros((0, 4, 3), np.uint8)]}, r"uint8 .0, 4, 3.; expected"),
    ],
)
def test_what_cannot_be_quantized_for_raises(options, message, golden_of, monkeypatch):
    monkeypatch.setattr("jaxcompress.integer.quantize.drawn_pictures", lambda: ())
    with pytest.raises(ValueError, match=message):
        quantize_entropy(golden_of("mbt2018-mean").weights, **options)


def test_networks_that_overflow_raise(golden_of, monkeypatch):
    monkeypatch.setattr("jaxcompress.integer.quantize.drawn_pictures", lambda: (np.full((64, 64, 3), 99, np.uint8),))
    weights = golden_of("mbt2018-mean").weights
    params = {**weights.params, "h_s": jax.tree.map(lambda a: a * np.float32(1e25), weights.params["h_s"])}
    with pytest.raises(UnsupportedNetworkError, match="signals are not finite"):
        quantize_entropy(dataclasses.replace(weights, params=params))


# ---------------------------------------------------------------- models of one's own


class SmoothScales(MeanScaleHyperprior):
    def make_h_s(self):
        up = partial(ConvTranspose, 4), nn.gelu, partial(ConvTranspose, 4), leaky_relu
        return Sequential((*up, partial(Conv, 2 * self.m, 3, 1)))


class OwnParameters(MeanScaleHyperprior):
    def gaussian_parameters(self, hyper):
        scales, means = super().gaussian_parameters(hyper)
        return nn.softplus(scales), means


class OwnPosition(JointAutoregressive):
    def position_parameters(self, window, hyper):
        return super().position_parameters(window, 2 * hyper)


class OwnContext(JointAutoregressive):
    def make_context_prediction(self):
        return Conv(2 * self.m, 5, 1)


class PlainReluParameters(JointAutoregressive):
    def make_entropy_parameters(self):
        return Sequential((partial(Conv, 8, 1, 1), nn.relu, partial(Conv, 2 * self.m, 1, 1)))


class WideParameters(JointAutoregressive):
    def make_entropy_parameters(self):
        return Sequential((partial(Conv, 8, 1, 1), leaky_relu, partial(Conv, 2 * self.m, 3, 1)))


class OneLayerParameters(JointAutoregressive):
    def make_entropy_parameters(self):
        return Sequential((partial(Conv, 2 * self.m, 1, 1),))


class EndsWithActivation(JointAutoregressive):
    def make_h_s(self):
        return Sequential((*super().make_h_s().layers, leaky_relu))


class MeansThroughRelu(MeanScaleHyperprior):
    def make_h_s(self):
        return Sequential((*super().make_h_s().layers, nn.relu))


class TwoInOne(ScaleHyperprior):
    def make_h_s(self):
        return Sequential(
            (partial(SubPixelConv, self.n, 4), partial(Conv, 8, 3, 1), nn.relu, partial(Conv, self.m, 3, 1))
        )


class WideKernel(ScaleHyperprior):
    def make_h_s(self):
        return Sequential((partial(SubPixelConv, self.n, 4), nn.relu, partial(Conv, self.m, 23, 1)))


class EndsWithShuffle(MeanScaleHyperprior):
    def make_h_s(self):
        return Sequential((partial(SubPixelConv, 6, 2), leaky_relu, partial(SubPixelConv, 2 * self.m, 2)))


class ShufflesByFour(MeanScaleHyperprior):
    def make_h_s(self):
        return Sequential((partial(SubPixelConv, 6, 4), leaky_relu, partial(Conv, 2 * self.m, 3, 1)))


def random_params(model, seed=0, gain=1.0):
    """Parameters of any model without compiling anything: random kernels that keep signals as large as they are."""
    rng = np.random.default_rng(seed)

    def make(path, shape):
        if path.endswith("quantiles"):
            return np.broadcast_to(np.float32([-10, 0, 10]), shape)
        if path.endswith("beta"):
            return np.ones(shape)
        if path.endswith("gamma"):
            return 0.1 * np.eye(shape[0])
        if path.startswith("entropy_bottleneck/") and not path.endswith("kernel"):
            return rng.uniform(-0.5, 0.5, shape)
        if len(shape) == 4:
            last = gain if path.startswith(("g_a", "h_a")) else 1.0
            return rng.normal(0, last * np.sqrt(2 / np.prod(shape[:3])), shape)
        return rng.normal(0, 0.1, shape)

    flat = {path: np.float32(make(path, of.shape)) for path, of in expected_params(model).items()}
    return traverse_util.unflatten_dict(flat, sep="/")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (SmoothScales, "layer 1 is .*gelu.*expected ReLU or leaky ReLU"),
        (OwnParameters, "OwnParameters computes other scales than the layers that were read of it"),
        (OwnPosition, "OwnPosition computes other scales than the layers"),
        (OwnContext, "the context model is a Conv; expected a MaskedConv"),
        (PlainReluParameters, "other activations than leaky ReLU"),
        (WideParameters, "no chain of two or more 1x1 layers"),
        (OneLayerParameters, "no chain of two or more 1x1 layers"),
        (MeansThroughRelu, "h_s ends in an activation"),
        (TwoInOne, "layer 1 is .*expected ReLU or leaky ReLU between"),
        (WideKernel, "expected sides of at most 21"),
        (EndsWithActivation, "the last layer of h_s is no plain convolution"),
    ],
)
def test_other_networks_are_told_and_exported_for_float_files(kind, message, caplog):
    model = kind(n=4, m=4)
    params = random_params(model)
    weights = Weights.from_params("own", model, params)
    with pytest.raises(UnsupportedNetworkError, match=message):
        quantize_entropy(weights)
    with caplog.at_level(logging.WARNING, "jaxcompress"):
        exported = export("own", model, params)
    assert exported.integer is None
    (record,) = caplog.records
    assert "only where floating-point arithmetic agrees" in record.getMessage()


def test_models_without_a_hyperprior_have_nothing_to_quantize(golden_of, caplog):
    weights = golden_of("bmshj2018-factorized").weights
    with pytest.raises(UnsupportedNetworkError, match="FactorizedPrior has no hyperprior"):
        quantize_entropy(weights)
    with caplog.at_level(logging.WARNING, "jaxcompress"):
        assert export(weights.architecture, weights.model(), weights.params).integer is None
    assert not caplog.records


class Narrow(ScaleHyperprior):
    """Another h_s of the known kind."""

    def make_h_s(self):
        up = partial(ConvTranspose, 3, 3), nn.relu, partial(ConvTranspose, 3), leaky_relu
        return Sequential((*up, partial(Conv, self.m, 1, 1)))


def test_models_of_one_s_own_may_be_quantized(photo):
    model = Narrow(n=4, m=4)
    weights = export("narrow", model, random_params(model, gain=2.0))
    assert weights.integer is not None
    codec = Codec(weights)
    assert codec.decompress(codec.compress(photo[:64, :64])).shape == (64, 64, 3)


@pytest.mark.parametrize("kind", [pytest.param(EndsWithShuffle, marks=pytest.mark.slow), ShufflesByFour])
def test_shuffles_anywhere_are_quantized_saved_and_coded(kind, photo, tmp_path):
    model = kind(n=4, m=4)
    export("own", model, random_params(model)).save(tmp_path / "w.safetensors")
    codec = Codec(load(tmp_path / "w.safetensors", model=model))
    picture = photo[:64, :64]
    assert codec.decompress(codec.compress(picture)).shape == picture.shape
    (indexes, means), (found, found_means) = parameters(codec, picture)
    assert np.abs(found.astype(int) - indexes).mean() < 1
    np.testing.assert_allclose(found_means, means, atol=0.2)


# ---------------------------------------------------------------- full size


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("architecture", HYPERPRIORS)
def test_networks_of_full_size(architecture):
    m = 192 if architecture.startswith("cheng") else 320
    model = create(architecture, n=192, m=m)
    # Random residual transforms make latents of millions of pictures, which is not the size to be tested here.
    gain = 1.0 if architecture.startswith("cheng2020") else 2.0
    weights = quantize_entropy(Weights.from_params(architecture, model, random_params(model, gain=gain)))
    networks = weights.integer
    for layer in networks.hyper_synthesis + networks.context:
        assert layer.bound().max() < 2**28
        assert np.abs(layer.kernel.astype(int)).max() in range(64, 128)
        for by_tap in (False, True):
            parts = layer.input_parts(by_tap=by_tap)
            assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
            assert parts[-1].stop == layer.kernel.shape[2]
            sizes = layer.largest_input * np.abs(layer.kernel.astype(np.int64))
            for part in parts:
                sums = sizes[:, :, part].sum(2)
                assert (sums if by_tap else sums.sum((0, 1))).max() < 2**24
    rng = np.random.default_rng(0)
    z = np.rint(rng.normal(0, 4, (1, 2, 192))).astype(np.int32)
    float32, int8 = (IntegerEvaluator(networks, form=form) for form in ("float32", "int8"))
    found, other = float32.hyper_synthesis(z), int8.hyper_synthesis(z)
    if networks.context:
        np.testing.assert_array_equal(found, other)
        y_hat = rng.integers(-300, 300, (4, 8, m)).astype(np.float32) / 64
        side, kernel = found, integer_context_model(networks)
        found, other = (evaluator.context_parameters(y_hat, side) for evaluator in (float32, int8))
        for a, b in zip(found, kernel.predict(y_hat, side), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found.indexes, other.indexes)
    assert len(np.unique(found.indexes)) > 10
    if found.means is not None:
        np.testing.assert_array_equal(found.means, other.means)
        assert len(np.unique(found.means)) > 100
