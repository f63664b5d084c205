"""What a run says of itself while it goes on."""

import pytest

from jaxcompress.train import logs

MEANS = {"bpp": 0.5, "mse": 0.001}


@pytest.fixture
def clock(monkeypatch):
    """A list whose last entry is the time."""
    times = [100.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: times[-1])
    return times


def test_speed_and_time_left_are_of_steps_that_compile_nothing(clock, capsys):
    progress = logs.Progress(step=0, steps=100, batch_size=8)
    clock.append(190.0)  # the first step compiles for 90 s
    progress.advance(0)
    for _ in range(9):
        progress.advance(0)
    clock.append(208.0)
    assert progress.show(10, MEANS) == 8 * 9 / 18
    assert capsys.readouterr().err == "step 10/100: 0.500 bpp, 30.00 dB, 4.0 pictures/s, 03:00 left\n"
    progress.pause()
    clock.append(300.0)
    progress.proceed()
    clock.append(340.0)
    assert progress.show(20, MEANS) == 8 * 10 / 40
    assert "step 20/100: 0.500 bpp, 30.00 dB, 2.0 pictures/s, 05:20 left" in capsys.readouterr().err


def test_the_step_that_was_compiled_has_no_speed(clock, capsys):
    progress = logs.Progress(step=7, steps=9, batch_size=8)
    clock.append(190.0)
    progress.advance(0)
    assert progress.show(8, MEANS) is None
    assert capsys.readouterr().err == "step 8/9: 0.500 bpp, 30.00 dB\n"
