"""Weights of a model of your own know the code that they were saved with."""

import dataclasses
import json
from functools import partial

import numpy as np
import pytest
import safetensors.numpy
from flax import linen as nn

from jaxcompress import load, ops, recorded_outputs
from jaxcompress.layers import Sequential
from jaxcompress.models import JointAutoregressive, MeanScaleHyperprior
from jaxcompress.weights_header import HEADER_KEY


def model_with(weights, **activations):
    """A model that weights fit, with an activation behind the transforms named."""

    class Changed(MeanScaleHyperprior):
        pass

    def make(maker, activation):
        return lambda self: Sequential((*getattr(MeanScaleHyperprior, maker)(self).layers, activation))

    for network, activation in activations.items():
        setattr(Changed, f"make_{network}", make(f"make_{network}", activation))
    return Changed(n=weights.n, m=weights.m)


@pytest.fixture(scope="module")
def model(golden_of):
    return model_with(golden_of("mbt2018-mean").weights, g_a=nn.tanh, h_a=nn.tanh, h_s=nn.tanh, g_s=nn.tanh)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, golden_of, model):
    path = tmp_path_factory.mktemp("own") / "own.safetensors"
    dataclasses.replace(golden_of("mbt2018-mean").weights, architecture="own", module=model).save(path)
    return path


@pytest.mark.parametrize("network", ["g_a", "h_a", "h_s", "g_s"])
def test_another_activation_is_noticed_in_every_network(saved, model, golden_of, network):
    activations = dict.fromkeys(("g_a", "h_a", "h_s", "g_s"), nn.tanh)
    weights = golden_of("mbt2018-mean").weights
    load(saved, model=model)
    other = model_with(weights, **{**activations, network: nn.soft_sign})
    told = rf"for a known input ({network}|entropy_parameters) gives [-\d.e]+, .*\d, \.\.\.;"
    with pytest.raises(ValueError, match=f"code of Changed has changed: {told}"):
        load(saved, model=other)
    assert load(saved, model=other, same_code=False).module is other


class Parameters(MeanScaleHyperprior):
    """Scales and means by name, one of them stretched."""

    factor: float = 1.0

    def hyper_synthesis(self, z_hat):
        scales, means = super().gaussian_parameters(super().hyper_synthesis(z_hat))
        return {"scales": scales, "means": means}

    def gaussian_parameters(self, hyper):
        return hyper["scales"], hyper["means"] * self.factor


class TwoPasses(MeanScaleHyperprior):
    """Entropy parameters of more than the side information, which are coded by other means than a Codec."""

    def gaussian_parameters(self, hyper, y_hat):
        return super().gaussian_parameters(hyper + y_hat.mean())


class Row(JointAutoregressive):
    """An autoregressive model with parameters of its own."""

    factor: float = 1.0

    def position_parameters(self, window, hyper):
        scales, means = super().position_parameters(window, hyper)
        return scales, self.factor * means


class Afar(MeanScaleHyperprior):
    """A g_s that looks at latents far away."""

    dilation: int = 4

    def make_g_s(self):
        far = partial(nn.Conv, 48, (3, 3), kernel_dilation=self.dilation)
        return Sequential((far, partial(ops.pixel_shuffle, factor=4), partial(nn.Conv, 48, (3, 3)), shuffle))


shuffle = partial(ops.pixel_shuffle, factor=4)


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (Parameters(4, 6), Parameters(4, 6, factor=2.0)),
        (Row(4, 6), Row(4, 6, factor=2.0)),
        (Afar(4, 6), Afar(4, 6, dilation=8)),
    ],
)
def test_other_entropy_parameters_and_other_reach_are_noticed(then, now):
    with pytest.raises(ValueError, match="has changed"):
        recorded_outputs.check(now, recorded_outputs.record_code(now), recorded_outputs.record_code(then))
    recorded_outputs.check(then, recorded_outputs.record_code(then), recorded_outputs.record_code(then))


def test_entropy_parameters_of_another_form_are_left_out(golden_of):
    weights = golden_of("mbt2018-mean").weights
    found = recorded_outputs.record(TwoPasses(weights.n, weights.m), weights.params)
    assert set(found) == {"g_a", "g_s", "h_a", "h_s"}


def test_weights_of_the_package_are_not_taken_into_other_code(tmp_path, golden_of):
    weights = golden_of("mbt2018-mean").weights
    weights.save(tmp_path / "w.safetensors")
    load(tmp_path / "w.safetensors", model=model_with(weights))
    other = model_with(weights, g_s=nn.tanh)
    with pytest.raises(ValueError, match=r"code of Changed has changed.*same_code=False"):
        load(tmp_path / "w.safetensors", model=other)
    load(tmp_path / "w.safetensors", model=other, same_code=False)


def test_what_is_recorded_is_json_of_all_networks(saved):
    with safetensors.safe_open(saved, framework="numpy") as file:
        recorded = json.loads(file.metadata()[HEADER_KEY])["outputs"]
    assert set(recorded) == {"g_a", "h_a", "h_s", "g_s", "entropy_parameters"}
    assert all(len(values) == 32 and np.std(values) > 0 for values in recorded.values())


@pytest.mark.parametrize(
    "change",
    [
        lambda outputs: [1, 2],
        lambda outputs: {},
        lambda outputs: outputs | {"g_s": None},
        lambda outputs: outputs | {"g_s": "text"},
        lambda outputs: outputs | {"g_s": [float("nan")] * 32},
        lambda outputs: outputs | {"g_s": outputs["g_s"][:-1]},
        lambda outputs: outputs | {"g_s": {"0": 1}},
        lambda outputs: outputs | {"g_s": [10**400] * 32},
        lambda outputs: {network: [float("inf")] * 32 for network in outputs},
    ],
)
def test_what_was_not_recorded_so_is_refused(saved, model, tmp_path, change):
    with safetensors.safe_open(saved, framework="numpy") as file:
        header = json.loads(file.metadata()[HEADER_KEY])
    header["outputs"] = change(header["outputs"])
    path = tmp_path / "w.safetensors"
    safetensors.numpy.save_file(safetensors.numpy.load_file(saved), path, {HEADER_KEY: json.dumps(header)})
    with pytest.raises(ValueError, match=str(path)):
        load(path, model=model)


def test_a_model_of_the_package_has_no_need_of_it(tmp_path, golden_of):
    golden_of("mbt2018-mean").weights.save(tmp_path / "w.safetensors")
    with safetensors.safe_open(tmp_path / "w.safetensors", framework="numpy") as file:
        assert "outputs" not in json.loads(file.metadata()[HEADER_KEY])


def test_a_model_under_a_name_of_the_package_is_noticed(tmp_path, golden_of):
    weights = golden_of("mbt2018-mean").weights
    model = model_with(weights, g_s=nn.tanh)
    dataclasses.replace(weights, module=model).save(tmp_path / "w.safetensors")
    load(tmp_path / "w.safetensors", model=model)
    with pytest.raises(ValueError, match="code of MeanScaleHyperprior has changed"):
        load(tmp_path / "w.safetensors")
