"""Steps on several devices, which one process pretends to have."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcompress.train.parallel import RUNNERS

TINY = Path(__file__).parent / "tiny_recipe.py"

# Runs in a process of its own, since the number of devices is decided when JAX starts. Writes what it found as arrays.
SCRIPT = """
import dataclasses, functools, sys
import jax, numpy as np
from jax.sharding import AxisType, Mesh, PartitionSpec as P
from jaxcompress import ops
from jaxcompress.train import init_state, load_recipe, make_step, replicate
from jaxcompress.train.parallel import AXIS, RUNNERS

recipe, found = load_recipe(sys.argv[1]), {}
batch, key = recipe.make_batch(), jax.random.key(3)

def run(name, count, accumulate=1):
    optimizer = dataclasses.replace(recipe.optimizer, accumulate=accumulate)
    runner = RUNNERS[name](jax.devices()[:count])
    quantizer = functools.partial(ops.add_uniform_noise, axis_name=runner.axis_name)
    model = recipe.make_model().clone(training_quantizer=quantizer)
    step = make_step(model, optimizer, loss=recipe.make_loss(), steps=5, axis_name=runner.axis_name)
    compiled = runner.compile(step)
    state = first = replicate(init_state(recipe.make_params(), optimizer, steps=5), runner)
    for i in range(5):
        state, metrics = compiled(state, runner.split(np.roll(batch, i, axis=1)), key)
    prefix = f"{name}-{count}/" if accumulate == 1 else f"accumulated/{name}-{count}/"
    for path, leaf in jax.tree_util.tree_flatten_with_path((state.params, metrics))[0]:
        assert len(leaf.sharding.device_set) == count
        found[prefix + jax.tree_util.keystr(path)] = np.asarray(leaf)
    if accumulate > 1:
        return
    found[f"deleted/{name}-{count}"] = all(leaf.is_deleted() for leaf in jax.tree.leaves(first.params))
    try:
        np.asarray(first.step)
        found[f"used/{name}-{count}"] = "nothing was raised"
    except RuntimeError as error:
        found[f"used/{name}-{count}"] = str(error)
    try:
        runner.split(batch[:3])
        found[f"split/{name}-{count}"] = "nothing was raised"
    except ValueError as error:
        found[f"split/{name}-{count}"] = str(error)

for name in RUNNERS:
    for count in (1, 2, 4):
        run(name, count)
run("jit", 1, accumulate=2), run("jit", 4, accumulate=2), run("pmap", 4, accumulate=2)

x, means = np.linspace(-3, 3, 8 * 5 * 6, dtype=np.float32).reshape(8, 5, 6), np.linspace(-1, 1, 6, dtype=np.float32)
mesh = Mesh(np.array(jax.devices()), (AXIS,), axis_types=(AxisType.Auto,))
for name, quantize in ops.TRAINING_QUANTIZERS.items():
    part = functools.partial(quantize, means=means, key=key, axis_name=AXIS)
    found[f"quantizer/{name}/whole"] = np.asarray(quantize(x, means, key=key))
    found[f"quantizer/{name}/pmap"] = np.asarray(jax.pmap(part, AXIS)(x.reshape(4, 2, 5, 6))).reshape(x.shape)
    mapped = jax.shard_map(part, mesh=mesh, in_specs=P(AXIS), out_specs=P(AXIS), check_vma=False)
    found[f"quantizer/{name}/shard_map"] = np.asarray(jax.jit(mapped)(x))
np.savez(sys.argv[2], **found)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the script above wrote."""
    output = tmp_path_factory.mktemp("parallel") / "found.npz"
    flags = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"  # compiles in half the time
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-P", "-c", SCRIPT, str(TINY), str(output)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "donated buffers were not usable" not in done.stderr
    return dict(np.load(output))


def of(found, prefix):
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


pytestmark = pytest.mark.slow
runners = pytest.mark.parametrize("runner", RUNNERS)
counts = pytest.mark.parametrize("count", [1, 2, 4])


@runners
@counts
def test_five_steps_give_the_same_on_any_number_of_devices(found, runner, count):
    reference, values = of(found, "jit-1/"), of(found, f"{runner}-{count}/")
    assert set(values) == set(reference)
    assert len(values) > 10
    for name, expected in reference.items():
        assert np.linalg.norm(values[name] - expected) <= 1e-5 * np.linalg.norm(expected), name


@runners
def test_accumulated_batches_give_the_same_on_any_number_of_devices(found, runner):
    reference, values = of(found, "accumulated/jit-1/"), of(found, f"accumulated/{runner}-4/")
    assert set(values) == set(of(found, "jit-1/"))
    for name, expected in reference.items():
        assert np.linalg.norm(values[name] - expected) <= 1e-5 * np.linalg.norm(expected), name


@runners
@counts
def test_a_state_is_used_up_by_its_step(found, runner, count):
    assert found[f"deleted/{runner}-{count}"]
    assert "has been deleted" in str(found[f"used/{runner}-{count}"])


@runners
def test_a_batch_that_does_not_divide_is_refused(found, runner):
    expected = (
        "3 pictures cannot be split evenly over the 4 devices of a process; choose a batch size that divides by 4"
    )
    assert str(found[f"split/{runner}-4"]) == expected
    assert str(found[f"split/{runner}-1"]) == "nothing was raised"


@pytest.mark.parametrize("quantizer", ["noise", "straight-through", "soft"])
@pytest.mark.parametrize("way", ["pmap", "shard_map"])
def test_parts_of_a_batch_get_their_rows_of_the_whole_batch_s_noise(found, quantizer, way):
    whole, parts = found[f"quantizer/{quantizer}/whole"], found[f"quantizer/{quantizer}/{way}"]
    np.testing.assert_allclose(parts, whole, rtol=1e-6, atol=1e-6)


@runners
def test_splitting_keeps_every_row_in_order(runner):
    batch = np.arange(4 * 2 * 2 * 3, dtype=np.uint8).reshape(4, 2, 2, 3)
    parts = RUNNERS[runner](jax.devices()[:1]).split(batch)
    assert parts.dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(parts).reshape(batch.shape), batch)
