"""A run's folder: one process at a time, and one recipe."""

import dataclasses

import pytest

from jaxcompress.train import Optimizer, Recipe
from jaxcompress.train.folder import check_recipe, locked, write_recipe

RECIPE = Recipe(architecture="bmshj2018-factorized", n=4, m=4, lmbda=0.01)


def test_a_folder_is_made_and_keeps_other_runs_out(tmp_path):
    folder = tmp_path / "new" / "run"
    with locked(folder), pytest.raises(ValueError, match="another run is at work in"), locked(folder):
        pass
    with locked(folder):
        assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"steps": 7, "log_every": 3, "parallel": "pmap", "compute": "bfloat16"},
        {"optimizer": Optimizer(learning_rate=1e-5, schedule="cosine")},
    ],
)
def test_what_does_not_mix_up_results_may_change(tmp_path, changes):
    write_recipe(tmp_path, RECIPE)
    check_recipe(tmp_path, dataclasses.replace(RECIPE, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lmbda": 0.02}, "lmbda was 0.01, is 0.02"),
        ({"quantizer": "soft"}, "quantizer was 'noise', is 'soft'"),
        ({"optimizer": Optimizer(ema_decay=0.9)}, "optimizer.ema_decay was 0.0, is 0.9"),
    ],
)
def test_what_decides_the_result_may_not_change(tmp_path, changes, message):
    write_recipe(tmp_path, RECIPE)
    with pytest.raises(ValueError, match=message):
        check_recipe(tmp_path, dataclasses.replace(RECIPE, **changes))
