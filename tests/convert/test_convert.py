"""Checkpoints in and out: nothing lost, nothing guessed, everything wrong told by name."""

import io
import re

import numpy as np
import pytest
import safetensors.numpy
import torch
from flax import traverse_util

from jaxcompress import convert, load
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.ops import causal_mask


@pytest.fixture(scope="module")
def state_of(golden_checkpoint):
    """A function from architecture name to its recorded state_dict, as NumPy arrays."""

    def read(architecture):
        state = torch.load(io.BytesIO(golden_checkpoint(architecture)), weights_only=True)
        return {key: value.numpy() for key, value in state.items()}

    return read


def saved(path, state):
    torch.save(state, path)
    return path


def tensors(state):
    return {key: torch.from_numpy(np.array(value)) for key, value in state.items()}


@pytest.mark.parametrize("architecture", COMPRESSAI)
def test_a_round_trip_gives_every_tensor_back(architecture, state_of, tmp_path):
    state = state_of(architecture)
    weights = convert.from_pytorch(saved(tmp_path / "in.pth.tar", tensors(state)), integer=False)
    assert weights.architecture == architecture
    convert.to_pytorch(weights, tmp_path / "out.pth.tar")
    back = torch.load(tmp_path / "out.pth.tar", weights_only=True)
    assert set(back) == set(state)
    for key, value in state.items():
        expected = value
        if key == "context_prediction.weight":
            expected = value * causal_mask(5)
        assert back[key].numpy().dtype == expected.dtype, key
        np.testing.assert_array_equal(back[key].numpy(), expected, err_msg=key)


def test_checkpoints_get_integer_networks_unless_told_otherwise(state_of, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(convert.pytorch, "quantize_entropy", lambda weights: asked.append(weights) or weights)
    for architecture in ("bmshj2018-factorized", "mbt2018"):
        path = saved(tmp_path / f"{architecture}.pth.tar", tensors(state_of(architecture)))
        assert convert.from_pytorch(path).architecture == architecture
        convert.from_pytorch(path, integer=False)
    assert [weights.architecture for weights in asked] == ["mbt2018"]


def test_weights_files_hold_everything(golden, tmp_path):
    path = tmp_path / "weights.safetensors"
    golden.weights.save(path)
    loaded = load(path)
    assert (loaded.architecture, loaded.n, loaded.m) == (golden.architecture, golden.weights.n, golden.weights.m)
    assert loaded.metadata == golden.weights.metadata
    assert loaded.bits_fingerprint() == golden.weights.bits_fingerprint()
    assert loaded.synthesis_fingerprint() == golden.weights.synthesis_fingerprint()
    state, expected = convert.to_state_dict(loaded), convert.to_state_dict(golden.weights)
    assert set(state) == set(expected)
    assert all((state[key] == expected[key]).all() for key in expected)
    with pytest.raises(FileExistsError):
        golden.weights.save(path)


@pytest.mark.parametrize("wrapper", ["state_dict", "network", "model_state_dict"])
def test_wrapped_and_parallel_checkpoints_are_read(wrapper, state_of, tmp_path):
    state = tensors({f"module.{key}": value for key, value in state_of("bmshj2018-factorized").items()})
    path = saved(tmp_path / "training.pth.tar", {"epoch": 3, wrapper: state, "loss": torch.tensor(1.0)})
    assert convert.from_pytorch(path).architecture == "bmshj2018-factorized"


@pytest.mark.parametrize(
    "rename",
    [
        lambda key: re.sub(r"\.(matrices|biases|factors)\.(\d)", r"._\1.\2", key),
        lambda key: re.sub(
            r"\.(matrices|biases|factors)\.(\d)",
            lambda m: "._" + {"matrices": "matrix", "biases": "bias", "factors": "factor"}[m[1]] + m[2],
            key,
        ),
        lambda key: key.replace(".skip.", ".downsample."),
    ],
)
def test_keys_of_all_generations_are_read(rename, state_of):
    state = state_of("cheng2020-anchor")
    older = {rename(key): value for key, value in state.items()}
    assert older.keys() != state.keys()
    now, then = convert.from_state_dict(state), convert.from_state_dict(older)
    assert now.bits_fingerprint() == then.bits_fingerprint()
    flat_now, flat_then = (traverse_util.flatten_dict(dict(w.params)) for w in (now, then))
    assert all((flat_now[path] == flat_then[path]).all() for path in flat_now)


def test_masked_taps_become_zero(state_of):
    state = state_of("mbt2018")
    state["context_prediction.weight"] = np.ones_like(state["context_prediction.weight"])
    kernel = convert.from_state_dict(state).params["context_prediction"]["kernel"]
    np.testing.assert_array_equal(kernel, np.broadcast_to(causal_mask(5)[:, :, None, None], kernel.shape))


def test_stored_tables_are_carried_over_and_absent_ones_built(state_of):
    state = state_of("mbt2018-mean")
    moved = state["entropy_bottleneck._quantized_cdf"].copy()
    moved[0, np.argmax(np.diff(moved[0])) + 1] -= 1  # the widest symbol gives a count away: another valid table
    carried = convert.from_state_dict({**state, "entropy_bottleneck._quantized_cdf": moved})
    np.testing.assert_array_equal(carried.tables["entropy_bottleneck"].cdf, moved)

    names = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table")
    empty = {key: np.zeros(0, value.dtype) if key.endswith(names) else value for key, value in state.items()}
    built = convert.from_state_dict(empty)
    recorded = state["gaussian_conditional._quantized_cdf"]
    np.testing.assert_array_equal(built.tables["gaussian_conditional"].cdf, recorded)
    np.testing.assert_array_equal(built.tables["entropy_bottleneck"].offset, state["entropy_bottleneck._offset"])


def test_published_names_tell_quality_and_metric(golden_checkpoint, tmp_path):
    path = tmp_path / "bmshj2018-factorized-ms-ssim-4-4f91b847.pth.tar"
    path.write_bytes(golden_checkpoint("bmshj2018-factorized"))
    weights = convert.from_pytorch(path)
    assert weights.metadata == {"source": path.name, "quality": 4, "metric": "ms-ssim"}


def test_wrong_keys_are_named(state_of):
    state = state_of("mbt2018-mean")
    with pytest.raises(ValueError, match=r"does not have: h_x\.weight"):
        convert.from_state_dict({**state, "h_x.weight": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=r"missing: h_s\.2\.bias"):
        convert.from_state_dict({key: value for key, value in state.items() if key != "h_s.2.bias"})
    with pytest.raises(ValueError, match=r"h_a/0/kernel is float32 \(3, 3, 32, 7\)"):
        convert.from_state_dict({**state, "h_a.0.weight": np.zeros((7, 32, 3, 3), np.float32)})
    with pytest.raises(ValueError, match=r"g_s/0/bias holds NaN"):
        convert.from_state_dict({**state, "g_s.0.bias": np.full(24, np.nan, np.float32)})
    with pytest.raises(ValueError, match="tables of entropy_bottleneck are unusable"):
        convert.from_state_dict({**state, "entropy_bottleneck._cdf_length": np.full(24, 10**6, np.int32)})
    with pytest.raises(ValueError, match="scale_table"):
        convert.from_state_dict({**state, "gaussian_conditional.scale_table": np.ones(64, np.float32)})
    with pytest.raises(ValueError, match="twice"):
        convert.from_state_dict({**state, "entropy_bottleneck._matrix0": state["entropy_bottleneck.matrices.0"]})
    with pytest.raises(ValueError, match=r"g_s\.0\.bias is float64"):
        convert.from_state_dict({**state, "g_s.0.bias": np.zeros(24)})
    with pytest.raises(ValueError, match=r"does not have: entropy_bottleneck\.scale_table, foo\.bound"):
        convert.from_state_dict({**state, "foo.bound": np.zeros(1), "entropy_bottleneck.scale_table": np.ones(24)})
    factorized = state_of("bmshj2018-factorized")
    with pytest.raises(ValueError, match=r"does not have: gaussian_conditional\._offset"):
        convert.from_state_dict({**factorized, "gaussian_conditional._offset": np.zeros(64, np.int32)})
    with pytest.raises(ValueError, match="variable-rate"):
        convert.from_state_dict({**state, "Gain": np.zeros(8, np.float32)})
    with pytest.raises(ValueError, match="no checkpoint of a CompressAI image model"):
        convert.from_state_dict({"fc.weight": np.zeros((2, 2), np.float32)})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gaussian_conditional.scale_bound", 0.5),
        ("gaussian_conditional.lower_bound_scale.bound", 0.5),
        ("g_a.1.beta_reparam.lower_bound.bound", 0.7),
        ("entropy_bottleneck.target", 3.0),
        ("context_prediction.mask", 1.0),
    ],
)
def test_models_that_compute_otherwise_are_refused(key, value, state_of):
    state = state_of("mbt2018")
    with pytest.raises(ValueError, match=f"{re.escape(key)} has other values"):
        convert.from_state_dict({**state, key: np.full_like(state[key], value)})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype, state_of, tmp_path):
    whole = tensors(state_of("mbt2018"))
    state = {key: value.to(dtype) if value.is_floating_point() else value for key, value in whole.items()}
    del state["gaussian_conditional.scale_table"], state["gaussian_conditional._quantized_cdf"]
    del state["gaussian_conditional._offset"], state["gaussian_conditional._cdf_length"]
    weights = convert.from_pytorch(saved(tmp_path / "half.pth.tar", state), integer=False)
    assert weights.params["g_a"]["0"]["kernel"].dtype == np.float32
    expected = state["g_a.0.bias"].float().numpy()
    np.testing.assert_array_equal(weights.params["g_a"]["0"]["bias"], expected)


def test_tables_are_built_for_the_checkpoint_s_own_scales(state_of):
    state = {k: v for k, v in state_of("mbt2018-mean").items() if k not in ("gaussian_conditional._quantized_cdf",)}
    state["gaussian_conditional._offset"] = state["gaussian_conditional._cdf_length"] = np.zeros(0, np.int32)
    state["gaussian_conditional.scale_table"] = np.float32([0.11, 1, 7])
    tables = convert.from_state_dict(state).tables["gaussian_conditional"]
    np.testing.assert_array_equal(tables.scale_table, np.float32([0.11, 1, 7]))
    assert len(tables.cdf) == 3


def test_converted_weights_share_no_memory_with_the_checkpoint(state_of):
    state = state_of("mbt2018-mean")
    weights = convert.from_state_dict(state)
    before = weights.bits_fingerprint(), weights.synthesis_fingerprint()
    for value in state.values():
        value += 1
    assert (weights.bits_fingerprint(), weights.synthesis_fingerprint()) == before


def test_what_is_no_checkpoint_raises(tmp_path):
    path = tmp_path / "broken.pth.tar"
    for data in (b"", b"PK\x03\x04 not really", b"\x80\x02."):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"broken\.pth\.tar is no PyTorch checkpoint"):
            convert.from_pytorch(path)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        convert.from_pytorch(tmp_path / "none.pth.tar")
    with pytest.raises(ValueError, match="expected a state_dict"):
        convert.from_pytorch(saved(path, torch.zeros(3)))
    with pytest.raises(ValueError, match="entry 'epoch' is a int"):
        convert.from_pytorch(saved(path, {"epoch": 3}))


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Malice:
        def __reduce__(self):
            return (print, ("ran",))

    path = tmp_path / "malice.pth.tar"
    torch.save({"state_dict": Malice()}, path)
    with pytest.raises(ValueError, match="weights_only"):
        convert.from_pytorch(path)


def test_what_is_no_weights_file_raises(tmp_path, golden_of):
    path = tmp_path / "broken.safetensors"
    golden_of("bmshj2018-factorized").weights.save(path)
    whole = path.read_bytes()
    for data in (b"", b"text", whole[:1000], whole[:-1]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"broken\.safetensors"):
            load(path)
    with pytest.raises(FileNotFoundError, match="no weights file"):
        load(tmp_path / "none.safetensors")
    path.write_bytes(whole.replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    with pytest.raises(ValueError, match="weights format 9"):
        load(path)
    tensors = {"params/g_s/0/bias": np.zeros(3, np.float32)}
    for header in ("[]", "null", '{"format": 1}', '{"format": 1, "architecture": 3}'):
        safetensors.numpy.save_file(tensors, path, {"jaxcompress": header})
        with pytest.raises(ValueError, match=r"broken\.safetensors has"):
            load(path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"fingerprints|NaN"):
        load(path)
    path.write_bytes(whole.replace(b'\\"n\\": 24', b'\\"n\\": 25'))
    with pytest.raises(ValueError, match="does not hold usable weights"):
        load(path)
