"""Codecs that compute their transforms with prepared kernels, and what must stay as it is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxcompress import Codec, metrics, models, zoo
from jaxcompress.codec import container
from jaxcompress.codec.variables import Variables, prepare


@pytest.fixture(scope="module")
def weights():
    return zoo.load("mbt2018-mean-small")  # trained, and wide enough


@pytest.fixture(scope="module")
def codecs(weights):
    return {winograd: Codec(weights, winograd=winograd) for winograd in (True, False)}


def prepared_names(variables):
    return set(traverse_util.flatten_dict(variables.get("prepared", {}), sep="/"))


def test_the_layers_that_gain_are_prepared_and_no_others(weights):
    variables = Variables(weights.model(), weights.params, winograd=True)
    assert prepared_names(variables.analysis) == {"g_a/2/winograd", "g_a/4/winograd", "g_a/6/winograd"}
    few = {"g_s/6/all_phases"}
    assert prepared_names(variables.synthesis) == {"g_s/0/winograd", "g_s/2/winograd", "g_s/4/winograd"} | few
    assert set(variables.plain) == {"params"}
    off = Variables(weights.model(), weights.params, winograd=False)
    assert off.analysis is off.synthesis is off.plain


@pytest.mark.parametrize(
    "architecture", ["bmshj2018-factorized-relu", pytest.param("cheng2020-attn", marks=pytest.mark.slow)]
)
def test_transforms_of_other_kinds_are_the_same_but_for_rounding(architecture):
    model = models.create(architecture, n=64, m=64)
    x = np.random.default_rng(0).random((1, 64, 128, 3), np.float32)
    params = jax.jit(model.init)(jax.random.key(0), x)["params"]
    variables = Variables(model, params, winograd=True)
    y = np.random.default_rng(1).normal(size=(1, 4, 8, 64)).astype(np.float32)
    for stage, given, prepared in (("analysis", x, variables.analysis), ("synthesis", y, variables.synthesis)):
        apply = jax.jit(functools.partial(model.apply, method=stage))
        plain, found = apply(variables.plain, given), apply(prepared, given)
        assert not np.array_equal(found, plain)  # another arithmetic it is
        np.testing.assert_allclose(found, plain, rtol=0, atol=2e-5 * float(jnp.std(plain)))


def test_trained_transforms_are_the_same_but_for_rounding(codecs, weights, photo):
    latents = {winograd: codec.analyse(photo)[0] for winograd, codec in codecs.items()}
    assert not np.array_equal(latents[True], latents[False])
    np.testing.assert_allclose(latents[True], latents[False], rtol=0, atol=2e-4)  # they are rounded to integers
    data = codecs[False].compress(photo)
    decoded = {winograd: codec.decompress(data).astype(int) for winograd, codec in codecs.items()}
    assert abs(decoded[True] - decoded[False]).max() <= 1
    assert metrics.psnr(decoded[True], decoded[False]) > 70


def test_files_decode_to_the_very_latents_that_were_coded(codecs, photo):
    data = codecs[True].compress(photo)
    header, strings = container.unpack(data)
    shape = header.padded_height // 16, header.padded_width // 16
    how = {"order": header.symbol_order, "threads": 1}
    y_hat = {
        winograd: codec._coders[header.entropy_mode].decode(strings, shape, header.chunk_size, **how)
        for winograd, codec in codecs.items()
    }
    np.testing.assert_array_equal(y_hat[True], y_hat[False])
    assert np.abs(y_hat[True] - codecs[True].analyse(photo)[0]).max() <= 0.501  # rounding around means in 64ths


def test_turned_off_everything_is_what_the_plain_model_computes(codecs, weights, photo):
    model = weights.model()
    x = np.pad(photo[:64, :64], 0)[None].astype(np.float32) / np.float32(255)
    y = jax.jit(lambda v, x: model.apply(v, x, method="analysis"))(weights.variables, x)
    # In a larger window, whose sums may run in another order; of latents up to 8.
    np.testing.assert_allclose(codecs[False].analyse(photo[:64, :64])[0], y[0], rtol=0, atol=3e-5)


def test_strings_of_compressai_never_come_from_prepared_kernels(codecs, photo):
    x = photo[None, :64, :64].astype(np.float32) / np.float32(255)
    strings, shape = codecs[True].compress_strings(x)
    assert (strings, shape) == codecs[False].compress_strings(x)
    found = codecs[True].decompress_strings(strings, shape)
    np.testing.assert_array_equal(found, codecs[False].decompress_strings(strings, shape))


def test_transforms_in_bfloat16_are_not_prepared(weights):
    model = weights.model().clone(compute_dtype=jnp.bfloat16)
    assert prepare(model, weights.params, "analysis", (1, 64, 64, 3)) == {}
