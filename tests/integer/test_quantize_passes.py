"""Quantization of models that code y in several passes, at a rate or without one."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxcompress import Codec, Weights, load
from jaxcompress.integer import FORMS, IntegerEvaluator, UnsupportedNetworkError, drawn, quantize_entropy
from jaxcompress.integer.linear import LinearSettings
from jaxcompress.integer.read import linear_networks
from jaxcompress.integer.read_light import light_networks
from jaxcompress.layers import CheckerboardConv, Conv, Sequential, leaky_relu
from jaxcompress.models import Light, MeanScaleHyperprior
from jaxcompress.models.light import RATE
from jaxcompress.priors import Checkerboard
from jaxcompress.weights_checks import expected_params


class TwoPasses(MeanScaleHyperprior):
    """A checkerboard context before 1x1 layers, as CompressAI's `CheckerboardLatentCodec` runs it."""

    def make_prior(self):
        return Checkerboard(reach=2)

    def setup(self):
        super().setup()
        self.context_prediction = CheckerboardConv(2 * self.m)
        layer = partial(Conv, kernel_size=1, stride=1)
        self.entropy_parameters = Sequential((partial(layer, 24), leaky_relu, partial(layer, 2 * self.m)))

    def context_parameters(self, hyper, y_hat):
        both = jnp.concatenate([hyper, self.context_prediction(y_hat)], -1)
        return tuple(jnp.split(self.entropy_parameters(both), 2, axis=-1))


class LargerScales(Light):
    def light_parameters(self, hyper, y_hat, number, **settings):
        scales, means = super().light_parameters(hyper, y_hat, number, **settings)
        return scales * 1.01, means


class LaterMeans(Light):
    """Other means in the last pass alone."""

    def light_parameters(self, hyper, y_hat, number, **settings):
        scales, means = super().light_parameters(hyper, y_hat, number, **settings)
        return scales, means * (1.01 if number == 3 else 1)


class HalfRate(Light):
    def hyper_synthesis(self, z_hat, *, rate=None):
        return super().hyper_synthesis(z_hat, rate=None if rate is None else rate / 2)


class SameByAnotherName(Light):
    def light_parameters(self, hyper, y_hat, number, **settings):
        return super().light_parameters(hyper, y_hat, number, **settings)


def random_params(model, seed=0):
    rng = np.random.default_rng(seed)

    def make(path, shape):
        if path.endswith("quantiles"):
            return np.broadcast_to(np.float32([-10, 0, 10]), shape)
        if path.endswith(("beta", "gamma")):
            return np.ones(shape) if path.endswith("beta") else 0.1 * np.eye(shape[0])
        if path.startswith("entropy_bottleneck/") and not path.endswith("kernel"):
            return rng.uniform(-0.5, 0.5, shape)
        wide = 2.0 if path.startswith(("g_a", "h_a")) else 1.0
        return rng.normal(0, wide * np.sqrt(2 / np.prod(shape[:3])) if len(shape) == 4 else 0.1, shape)

    flat = {path: np.float32(make(path, of.shape)) for path, of in expected_params(model).items()}
    return traverse_util.unflatten_dict(flat, sep="/")


@pytest.fixture
def few_pictures(monkeypatch):
    """Small drawn pictures, which are quick to code."""
    pictures = tuple(picture[:64, :128] for picture in drawn.drawn_pictures()[1:10])
    monkeypatch.setattr("jaxcompress.integer.quantize.drawn_pictures", lambda: pictures)
    return pictures


@pytest.fixture(scope="module")
def light_params(golden_folder):
    arrays = np.load(golden_folder / "light.npz")
    flat = {name.removeprefix("params/"): array for name, array in arrays.items() if name.startswith("params/")}
    return traverse_util.unflatten_dict(flat, sep="/")


def light_weights(params, kind=Light):
    return Weights.from_params("light", kind(n=12, m=16), params)


def compared(weights, picture, numbers):
    """By pass: table indexes and means of the float stages, and of the integer networks, where the pass codes."""
    model, variables = weights.model(), weights.variables
    settings = model.layout.values(numbers)
    y = model.apply(variables, picture[None].astype(np.float32) / 255, method="analysis", **settings)
    z = model.apply(variables, y, method="hyper_analysis", **settings)
    medians = model.layout.side.prior.medians(weights.params)
    medians = 0 if medians is None else medians
    symbols = np.rint(z - medians)
    known = model.apply(variables, symbols + medians, method="hyper_synthesis", **settings)
    evaluator = IntegerEvaluator(weights.integer)
    side = evaluator.hyper_synthesis(symbols[0].astype(np.int32), **numbers)
    prior, scale_table = model.layout.last.prior, weights.tables["gaussian_conditional"].scale_table
    y_hat, found = np.zeros(y.shape[1:], np.float32), []
    for place, selected in enumerate(prior.passes(y_hat.shape)):
        bound = model.bind(variables)
        scales, means = (a[0][selected] for a in prior.parameters(bound, known, y_hat[None], place, **settings))
        of = evaluator.parameters(side, y_hat, place, **numbers)
        indexes = (np.asarray(scales)[:, None] > scale_table[:-1]).sum(-1)
        found.append((indexes, np.asarray(means), of.indexes[selected].astype(int), of.means[selected] / 64))
        y_hat[selected] = np.rint(y[0][selected] - found[-1][3]) + found[-1][3]
    return found


def test_tables_and_means_of_the_light_codec_are_close_at_all_rates(few_pictures, light_params, photo):
    weights = quantize_entropy(light_weights(light_params))
    assert weights.integer.count == RATE.count
    for number in (0, 30, 62, 99):
        passes = compared(weights, photo[:64, :64], {"rate": number})
        assert len(passes) == 4
        for indexes, means, found, found_means in passes:
            # Of 64 tables, for scales from 0.11 to 256. Random networks of 8 channels err more than trained ones.
            assert np.abs(found - indexes).mean() < 0.5
            assert len(np.unique(indexes)) > 8
            assert np.sqrt(np.mean((found_means - means) ** 2)) < 0.05 * np.abs(means).max()


def test_forms_of_the_light_codec_agree(few_pictures, light_params):
    integer = quantize_entropy(light_weights(light_params)).integer
    rng = np.random.default_rng(0)
    z, y_hat = rng.integers(-9, 10, (2, 3, 8)), np.float32(rng.integers(-(2**12), 2**12, (8, 12, 16)) / 64)
    found = []
    for form in FORMS:
        evaluator = IntegerEvaluator(integer, form=form)
        side = evaluator.hyper_synthesis(z, rate=70)
        found.append([side, *(a for place in range(4) for a in evaluator.parameters(side, y_hat, place, rate=70))])
    for others in found[1:]:
        for a, b in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(a, b)


def test_light_networks_are_saved_and_code(few_pictures, light_params, photo, tmp_path):
    weights = quantize_entropy(light_weights(light_params))
    weights.save(tmp_path / "light.safetensors")
    again = load(tmp_path / "light.safetensors", model=Light(n=12, m=16))
    assert again.fingerprints() == weights.fingerprints()
    codec = Codec(again, entropy="integer")
    picture = photo[:60, :70]
    assert codec.decompress(codec.compress(picture)).shape == picture.shape


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (LargerScales, "LargerScales computes other scales than the layers that were read of it"),
        (LaterMeans, "LaterMeans computes other means"),
        (HalfRate, "HalfRate computes other (scales|means)"),
    ],
)
def test_stages_that_compute_something_else_raise(kind, message, few_pictures, light_params):
    with pytest.raises(UnsupportedNetworkError, match=message):
        quantize_entropy(light_weights(light_params, kind))


def test_a_stage_that_computes_the_same_is_quantized(few_pictures, light_params):
    weights = [quantize_entropy(light_weights(light_params, kind)) for kind in (Light, SameByAnotherName)]
    assert len({each.bits_fingerprint(integer=True) for each in weights}) == 1


def test_a_checkerboard_is_quantized_and_codes(few_pictures, photo):
    model = TwoPasses(n=8, m=8)
    weights = quantize_entropy(Weights.from_params("own", model, random_params(model)))
    assert len(weights.integer.passes) == 2
    assert weights.integer.count is None
    for indexes, means, found, found_means in compared(weights, photo[:64, :64], {}):
        assert len(np.unique(indexes)) > 3
        assert np.abs(found - indexes).mean() < 0.5
        assert np.sqrt(np.mean((found_means - means) ** 2)) < 0.03 * np.abs(means).max()
    codec = Codec(weights, entropy="integer")
    assert codec.decompress(codec.compress(photo[:64, :60])).shape == (64, 60, 3)


class OwnReader(Light):
    def linear_networks(self, params):
        return light_networks(self, params)


class WrongReader(Light):
    def linear_networks(self, params):
        networks = light_networks(self, params)
        return networks._replace(settings=LinearSettings(*(table[::-1] for table in networks.settings)))


def test_a_model_may_read_its_own_networks(few_pictures, light_params):
    weights = [quantize_entropy(light_weights(light_params, kind)) for kind in (Light, OwnReader)]
    assert len({each.bits_fingerprint(integer=True) for each in weights}) == 1
    with pytest.raises(UnsupportedNetworkError, match="WrongReader computes other"):
        quantize_entropy(light_weights(light_params, WrongReader))


class OtherNames(TwoPasses):
    def setup(self):
        super().setup()
        self.parameters_of_both = Sequential(
            (partial(Conv, 2 * self.m, 1, 1), leaky_relu, partial(Conv, 2 * self.m, 1, 1))
        )
        self.entropy_parameters = None

    def context_parameters(self, hyper, y_hat):
        both = jnp.concatenate([hyper, self.context_prediction(y_hat)], -1)
        return tuple(jnp.split(self.parameters_of_both(both), 2, axis=-1))


class OwnOrder(Checkerboard):
    """A prior that no reader knows."""


class OwnPrior(TwoPasses):
    def make_prior(self):
        return OwnOrder()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (OtherNames, "OtherNames lacks a network of the usual name: .*entropy_parameters"),
        (OwnPrior, "OwnPrior codes y by OwnOrder; expected one of Raster, Checkerboard, Phases, or a method"),
    ],
)
def test_networks_that_are_not_found_raise(kind, message):
    model = kind(n=8, m=8)
    with pytest.raises(UnsupportedNetworkError, match=message):
        linear_networks(model, random_params(model))


def test_two_settings_raise(light_params):
    class Twice(Light):
        @property
        def layout(self):
            layout = super().layout
            return layout.__class__(layout.latents, layout.networks, layout.settings * 2)

    with pytest.raises(UnsupportedNetworkError, match="Twice has 2 settings; expected at most one"):
        linear_networks(Twice(n=12, m=16), jax.tree.map(np.asarray, light_params))
