"""The command from pictures to a codec, its checkpoints and its record, and what it says when something is wrong."""

import json
import re
import shutil
import struct
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcompress import Codec, cli, load
from jaxcompress.codec import read_picture
from jaxcompress.train import Checkpoints, Optimizer, init_state, load_recipe
from jaxcompress.train.logs import Log, Metrics

STEPS = (20, 40)  # of the validations


def test_a_run_leaves_what_it_promises(undisturbed, helpers):
    names = {path.name for path in undisturbed.iterdir()}
    assert names == {
        *("recipe.json", "code.json", "metrics.jsonl", "checkpoints", "samples", "tensorboard"),
        *("last.safetensors", "best.safetensors"),
    }
    assert json.loads((undisturbed / "recipe.json").read_text())["optimizer"]["learning_rate"] == 1e-3
    assert helpers.checkpoints_of(undisturbed) == [35, 40]
    lines = helpers.metrics_of(undisturbed)
    assert [line["step"] for line in lines if "train/loss" in line] == [*range(3, 40, 3), 40]
    assert [line["step"] for line in lines if "validation/loss" in line] == list(STEPS)
    assert lines[-1]["validation/loss"] < lines[0]["train/loss"]


def test_validation_is_what_the_codec_does(training, undisturbed, helpers):
    model = load_recipe(str(training.recipe)).make_model()
    weights = load(undisturbed / "last.safetensors", model=model)
    assert weights.metadata["steps"] == 40
    codec = Codec(weights)
    pictures = [read_picture(path).pixels for path in sorted(training.validation.iterdir())]
    files = codec.compress_batch(pictures)
    bits = [8 * len(data) / picture[..., 0].size for data, picture in zip(files, pictures, strict=True)]
    errors = [(p / 255 - d / 255) ** 2 for p, d in zip(pictures, codec.decompress_batch(files), strict=True)]
    validation = helpers.metrics_of(undisturbed)[-1]
    assert validation["validation/bpp"] == np.mean(bits)
    np.testing.assert_allclose(validation["validation/mse"], np.mean(errors), rtol=1e-12)
    expected = np.mean(bits) + 0.01 * 255**2 * np.mean(errors)
    np.testing.assert_allclose(validation["validation/loss"], expected, rtol=1e-12)


def test_samples_show_originals_above_what_was_decoded(training, undisturbed):
    originals = [read_picture(path).pixels for path in sorted(training.validation.iterdir())]
    for step in STEPS:
        sample = np.asarray(Image.open(undisturbed / "samples" / f"step-{step:08}.png"))
        assert sample.shape == (128, 128, 3)
        np.testing.assert_array_equal(sample[:64], np.concatenate(originals, axis=1))


def test_tensorboard_has_the_same_numbers(undisturbed, helpers):
    lines = helpers.metrics_of(undisturbed)
    expected = {(line["step"], name): value for line in lines for name, value in line.items() if name != "step"}
    found = _scalars(undisturbed / "tensorboard")
    assert {name for name in found if name[1] != "pictures_per_second"} == set(expected)
    for name, value in expected.items():
        assert found[name] == np.float32(value), name


def _scalars(folder: Path) -> dict[tuple[int, str], float]:
    """What TensorBoard would read, without it: records of length, checksum, event, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    (path,) = folder.iterdir()
    data, place, found = path.read_bytes(), 0, {}
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        event = Event.FromString(data[place + 12 : place + 12 + length])
        found |= {(event.step, value.tag): value.simple_value for value in event.summary.value}
        place += length + 16
    return found


def test_a_loss_that_is_no_number_stops_the_run_and_leaves_what_is_good(training, finished, helpers):
    kept = {name: (finished / name).read_bytes() for name in ("last.safetensors", "best.safetensors", "metrics.jsonl")}
    run = training.start(finished, "--set", "steps=45", "--set", "optimizer.learning_rate=1e30")
    assert run.finish() == 2
    error = run.error.read_text().splitlines()[-1]
    assert re.fullmatch(
        r"jaxcompress: \w+ became (inf|nan) at step 41; the checkpoint of step 40 is good and kept. Go on from it with "
        r"a lower rate, such as --set optimizer.learning_rate=5e\+29",
        error,
    )
    assert helpers.checkpoints_of(finished) == [35, 40]
    for name, content in kept.items():
        assert (finished / name).read_bytes() == content

    training.finish(finished, "--set", "steps=45")
    lines = helpers.metrics_of(finished)
    assert [line["step"] for line in lines if line["step"] > 40] == [42, 45, 45]
    assert all(np.isfinite(list(line.values())).all() for line in lines)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "m=6", "--set", "seed=1"], "has another recipe: m was 4, is 6; seed was 0, is 1; go on with"),
        (["--set", "crop=60"], "crop is 60; tiny needs a multiple of 16"),
        (["--set", "batch=3"], "'batch=3' names 'batch', which is no setting; there are architecture, "),
        (["--set", "steps=many"], "'steps=many': 'many' is no int"),
        (["--data", "nowhere"], "there is no folder nowhere; give one that holds pictures"),
        (["--num-processes", "2"], "--coordinator, --num-processes and --process-id go together"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(training, finished, capsys, helpers, options, told):
    before = helpers.metrics_of(finished)
    assert cli.main([*training.arguments(finished, "--set", "steps=60"), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jaxcompress: ")
    assert told in line
    assert helpers.metrics_of(finished) == before
    assert helpers.checkpoints_of(finished) == [35, 40]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("optimizer.ema_decay=0", "does not fit the recipe's model and optimizer (they differ in ema)"),
        ("m=6", "does not fit the recipe's model and optimizer (Requested shape"),
        ("seed=1", "the state is of other training data: seed was 0, is 1"),
        ("batch_size=3", "the state is of other training data: batch_size was 4, is 3"),
    ],
)
def test_a_checkpoint_is_not_taken_for_another_s_even_without_its_recipe(training, finished, capsys, setting, told):
    (finished / "recipe.json").unlink()
    assert cli.main([*training.arguments(finished, "--set", "steps=60"), "--set", setting]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_finished_run_says_so_and_changes_nothing(training, finished, capsys):
    kept = (finished / "last.safetensors").read_bytes()
    assert cli.main(training.arguments(finished)) == 0
    assert capsys.readouterr().err.splitlines() == ["step 40: all steps are done already"]
    assert (finished / "last.safetensors").read_bytes() == kept


def test_other_pictures_are_not_taken_for_the_same_data(training, finished, capsys):
    pictures = shutil.copytree(training.pictures, finished / "pictures")
    (pictures / "00.png").rename(pictures / "other.png")
    assert cli.main([*training.arguments(finished, "--set", "steps=60"), "--data", str(pictures)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the state is of other training data: names was" in line


def test_an_unknown_recipe_is_told_in_one_line(training, capsys):
    assert cli.main(["train", "mbt2019", *training.arguments(training.folder / "none")[2:]]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jaxcompress: there is no recipe 'mbt2019'; give a Python file, or one of ")
    assert not (training.folder / "none").exists()


def test_a_batch_that_the_devices_cannot_share_is_refused(training, capsys, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    assert cli.main(training.arguments(training.folder / "none")) == 2
    assert capsys.readouterr().err == "jaxcompress: batch_size is 4; 3 devices need a multiple of that\n"
    assert not (training.folder / "none").exists()


# Checkpoints.


def make_state(width=2, **options):
    params = {"g_a": {"kernel": jnp.arange(width, dtype=jnp.float32)}, "entropy_bottleneck": {"quantiles": jnp.ones(3)}}
    return init_state(params, Optimizer(**options), steps=9)


@pytest.fixture
def saved(tmp_path):
    """A folder with checkpoints of the steps 3 and 6."""
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        for step in (3, 6):
            checkpoints.save(step, make_state().replace(step=jnp.int32(step)), {"best": step / 10})
    return tmp_path / "checkpoints"


def restore(folder, state, sharding):
    with Checkpoints(folder) as checkpoints:
        return checkpoints.restore(jax.eval_shape(lambda: state), sharding)


def test_the_last_two_checkpoints_and_the_best_are_kept(tmp_path):
    losses = {1: 5.0, 2: None, 3: 2.0, 4: None, 5: 4.0, 6: None, 7: None}
    with Checkpoints(tmp_path) as checkpoints:
        for step, loss in losses.items():
            checkpoints.save(step, make_state(), {}, loss=loss)
        checkpoints.wait()
        assert checkpoints.steps == [3, 6, 7]
    with Checkpoints(tmp_path) as checkpoints:  # what is the best is remembered
        checkpoints.save(8, make_state(), {}, loss=3.0)
        checkpoints.save(9, make_state(), {}, loss=1.0)
        checkpoints.save(10, make_state(), {})
        checkpoints.save(11, make_state(), {})
        checkpoints.wait()
        assert checkpoints.steps == [9, 10, 11]


def test_a_checkpoint_gives_back_what_was_saved(saved, one_device):
    state, progress = restore(saved, make_state(), one_device)
    assert int(state.step) == 6
    assert progress == {"best": 0.6}
    for value, expected in zip(jax.tree.leaves(state.params), jax.tree.leaves(make_state().params), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_values_are_those_of_the_moment_of_saving(tmp_path, one_device):
    advance = jax.jit(lambda state: jax.tree.map(lambda x: x + 1, state), donate_argnums=0)
    state, sums = advance(make_state(width=10**6)), {"loss": 1.0}
    expected = np.array(state.params["g_a"]["kernel"])
    metrics = Metrics()
    metrics.add(1, {"loss": jnp.float32(1)})
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {"metrics": metrics.state()})
        for step in range(2, 9):  # uses up the buffers while they are written
            state = advance(state)
            metrics.add(step, {"loss": jnp.float32(1)})
            metrics.check()
    state, progress = restore(tmp_path, make_state(width=10**6), one_device)
    np.testing.assert_array_equal(state.params["g_a"]["kernel"], expected)
    assert progress["metrics"] == {"sums": sums, "count": 1}


@pytest.mark.parametrize(
    ("other", "where"),
    [
        (make_state(width=3), "Requested shape"),
        (make_state(ema_decay=0.9), "they differ in ema"),
        (make_state(quantiles="solved"), "they differ in opt_state"),
    ],
    ids=["model", "average", "quantiles"],
)
def test_a_checkpoint_of_another_model_or_optimizer_is_refused(saved, one_device, other, where):
    with pytest.raises(ValueError, match=f"step 6 in .* does not fit the recipe's model and optimizer .{where}"):
        restore(saved, other, one_device)


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "changed": lambda path: path.write_bytes(bytes(b ^ 16 * (i % 97 == 50) for i, b in enumerate(path.read_bytes()))),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_never_trained_from(saved, tmp_path, one_device, capfd, kind):
    told, expected = [], make_state().replace(step=jnp.int32(6))
    files = [path.relative_to(saved) for path in (saved / "6").rglob("*") if path.is_file() and path.stat().st_size]
    for number, name in enumerate(files):
        folder = shutil.copytree(saved, tmp_path / str(number))
        DAMAGES[kind](folder / name)
        try:
            state, progress = restore(folder, make_state(), one_device)
        except ValueError as error:
            told.append(str(error))
        else:  # the file is not needed
            assert progress == {"best": 0.6}
            for value, other in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
                np.testing.assert_array_equal(value, other)
    assert len(told) >= 3
    assert [error for error in told if "6 to go on from step 3" not in error] == []
    assert "Traceback" not in capfd.readouterr().err
    shutil.rmtree(folder / "6")
    assert int(restore(folder, make_state(), one_device)[0].step) == 3


def test_values_that_were_not_saved_are_noticed(saved, one_device):
    path = saved / "6" / "progress" / "metadata"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"best": 0.5}))
    with pytest.raises(ValueError, match="the values are not those that were saved"):
        restore(saved, make_state(), one_device)


# The record.


def test_lines_of_steps_that_are_not_done_are_dropped(tmp_path):
    lines = [json.dumps({"step": step, "train/loss": 1.5}) for step in (3, 6, 9)]
    for end in ('{"step": 12, "tra', '{"step": 12}', "\n", ""):
        (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, end]))
        Log(tmp_path, step=6).close()
        assert (tmp_path / "metrics.jsonl").read_text().splitlines() == lines[:2]


def test_a_line_cut_at_any_place_is_dropped(tmp_path):
    line = json.dumps({"step": 3, "train/loss": 1.5})
    for length in range(1, len(line)):
        (tmp_path / "metrics.jsonl").write_text(f"{line}\n{line[:length]}")
        Log(tmp_path, step=3).close()
        assert (tmp_path / "metrics.jsonl").read_text() == f"{line}\n"


def test_a_process_that_does_not_lead_writes_nothing(tmp_path):
    log = Log(tmp_path, step=0, enabled=False)
    log.write(1, {"train/loss": 1.0})
    log.close()
    assert not list(tmp_path.iterdir())


def test_metrics_are_means_and_what_a_line_lacks_is_taken_along():
    metrics = Metrics()
    for step in (1, 2):
        metrics.add(step, {"loss": jnp.float32(step)})
    state, other = metrics.state(), Metrics()
    other.restore(json.loads(json.dumps(state)))
    for one in (metrics, other):
        one.add(3, {"loss": jnp.float32(6)})
        assert one.means() == {"loss": 3.0}
        assert one.state() == {"sums": {}, "count": 0}


def test_what_is_being_saved_does_not_change_as_steps_go_on():
    metrics = Metrics()
    metrics.add(1, {"loss": jnp.float32(1)})
    state = metrics.state()
    metrics.add(2, {"loss": jnp.float32(1)})
    metrics.check()
    assert state == {"sums": {"loss": 1.0}, "count": 1}
