"""Runs over pictures, with a codec whose results are known."""

import errno
import os

import numpy as np
import pytest

from jaxcompress.codec import read_picture, write_picture
from jaxcompress.evaluate import METRICS, Encoded, Settings, Target, find_close, find_pictures, run
from jaxcompress.metrics import psnr


def test_means_are_those_of_the_rows(folder, quantizer):
    curve, failures = run(quantizer(), find_pictures([folder]))
    assert not failures
    assert curve.qualities == (64, 16, 4)
    assert [(row["picture"], row["quality"]) for row in curve.pictures] == [
        (name, quality) for quality in (64, 16, 4) for name in ("a.png", "below/b.png")
    ]
    for key in ("bpp", "psnr-rgb", "ms-ssim-rgb", "psnr-y", "psnr-yuv", "encoding_time"):
        rows = [row[key] for row in curve.pictures]
        assert curve.results[key] == pytest.approx([np.mean(rows[i : i + 2]) for i in (0, 2, 4)], rel=1e-12)
    assert curve.results["encoding_time"] == [0.25] * 3
    assert curve.results["decoding_time"] == [0.125] * 3


def test_a_row_is_what_the_codec_gives(folder, quantizer):
    curve, _ = run(quantizer(), find_pictures([folder]), [16])
    pixels = read_picture(folder / "a.png").pixels
    data = quantizer().encode(pixels, 16).data
    row = curve.pictures[0]
    assert (row["width"], row["height"], row["bytes"]) == (171, 170, len(data))
    assert row["bpp"] == 8 * len(data) / (171 * 170)
    assert row["psnr-rgb"] == psnr(pixels, quantizer().decode(data, 16, (170, 171)).pixels)


def test_a_header_is_counted_unless_told_otherwise(folder, quantizer):
    pictures = find_pictures([folder])
    counted, _ = run(quantizer(), pictures, [16])
    plain, _ = run(quantizer(), pictures, [16], settings=Settings(count_header=False))
    for a, b in zip(counted.pictures, plain.pictures, strict=True):
        assert a["bpp"] - b["bpp"] == pytest.approx(8 * 4 / (a["width"] * a["height"]))
        assert a["bytes"] == b["bytes"]
    assert (counted.meta["bpp"], plain.meta["bpp"]) == ("file", "strings")


@pytest.mark.parametrize("jobs", [1, 3])
def test_failures_are_told_and_left_out_of_every_mean(folder, photograph, jobs, quantizer):
    (folder / "text.png").write_text("no picture")
    write_picture(folder / "small.png", photograph[:16, :16])
    refused = photograph[:200, :200].copy()
    refused[0, 0, 0] = 7
    write_picture(folder / "refused.png", refused)
    curve, failures = run(quantizer(refused=7), find_pictures([folder]), [64, 4], settings=Settings(jobs=jobs))
    reasons = {failure.picture: failure.reason for failure in failures}
    assert sorted(reasons) == ["refused.png", "small.png", "text.png"]
    assert len(failures) == 6
    assert "no image that can be read" in reasons["text.png"]
    assert "at least 161" in reasons["small.png"]
    assert reasons["refused.png"] == "the encoder left after 3 bytes"
    assert curve.meta["left_out"] == sorted(reasons)
    assert curve.meta["pictures"] == 2
    alone, _ = run(quantizer(), find_pictures([folder / "a.png", folder / "below" / "b.png"]), [64, 4])
    assert curve.results == alone.results


def test_a_picture_that_fails_at_one_point_counts_at_none(folder, quantizer):
    class Picky(quantizer):
        def encode(self, pixels, quality):
            if quality == 4 and pixels.shape[0] == 170:
                raise OSError("disk full")
            return super().encode(pixels, quality)

    curve, failures = run(Picky(), find_pictures([folder]), [64, 4])
    assert [(failure.picture, failure.quality) for failure in failures] == [("a.png", 4)]
    assert len(curve.pictures) == 3
    assert curve.results["bpp"] == [row["bpp"] for row in curve.pictures if row["picture"] == "below/b.png"]


def test_nothing_is_left_if_all_fail(folder, quantizer):
    curve, failures = run(quantizer(), find_pictures([folder]), settings=Settings(metrics=["psnr-rgb", "psnr-y"]))
    assert not failures
    (folder / "a.png").write_bytes(b"")
    (folder / "below" / "b.png").write_bytes(b"")
    curve, failures = run(quantizer(), find_pictures([folder]))
    assert len(failures) == 6
    assert (dict(curve.results), curve.pictures) == ({}, ())


def test_targets_give_each_picture_a_quality_of_its_own(folder, quantizer):
    pictures = find_pictures([folder])
    targets = [Target("1.5 bpp", 1.5), Target("as another", {"a.png": 3.0, "below/b.png": 6.0})]
    curve, failures = run(quantizer(), pictures, targets)
    assert not failures
    assert curve.qualities == ("1.5 bpp", "as another")
    wanted = [1.5, 1.5, 3.0, 6.0]
    for row, bpp in zip(curve.pictures, wanted, strict=True):
        neighbours = [max(row["quality"] - 1, 1), row["quality"] + 1]
        pixels = next(source for source in pictures if source.name == row["picture"]).read()
        others = [8 * len(quantizer().encode(pixels, q).data) / pixels[..., 0].size for q in neighbours]
        assert abs(row["bpp"] - bpp) <= min(abs(other - bpp) for other in others if other != row["bpp"])
        assert row["point"] in curve.qualities
    _, failures = run(quantizer(), pictures, [Target("as another", {"a.png": 3.0})])
    assert [failure.picture for failure in failures] == ["below/b.png"]


def test_files_and_pictures_are_kept(folder, tmp_path, quantizer):
    kept = tmp_path / "kept"
    curve, _ = run(quantizer(), find_pictures([folder]), [16, 4], settings=Settings(save=kept))
    for row in curve.pictures:
        source = read_picture(row["source"]).pixels
        data = (kept / row["file"]).read_bytes()
        assert data == quantizer().encode(source, row["quality"]).data
        decoded = read_picture(kept / row["decoded"]).pixels
        np.testing.assert_array_equal(decoded, quantizer().decode(data, row["quality"], source.shape[:2]).pixels)
    assert len({row["file"] for row in curve.pictures}) == 4


def test_every_metric_can_be_asked_for(folder, quantizer):
    curve, failures = run(quantizer(), find_pictures([folder]), [16], settings=Settings(metrics=list(METRICS)))
    assert not failures
    assert curve.results.keys() >= METRICS.keys()
    assert 0.5 < curve.results["ssim-rgb"][0] < 1


def test_a_full_disk_ends_the_run(folder, quantizer):
    class Full(quantizer):
        def encode(self, pixels, quality):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run(Full(), find_pictures([folder]))


def test_other_errors_of_a_picture_are_failures_too(folder, quantizer):
    class Large(quantizer):
        def encode(self, pixels, quality):
            raise RuntimeError("RESOURCE_EXHAUSTED") if pixels.shape[0] == 170 else MemoryError

    _, failures = run(Large(), find_pictures([folder]), [16])
    assert [failure.reason for failure in failures] == ["RESOURCE_EXHAUSTED", "MemoryError"]


def test_an_interrupted_run_stops_its_codec(folder, quantizer):
    class Interrupted(quantizer):
        stopped = False

        def encode(self, pixels, quality):
            raise KeyboardInterrupt

        def stop(self):
            self.stopped = True

    codec = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(codec, find_pictures([folder]))
    assert codec.stopped


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([], "qualities are none"),
        ([4, 4], "each once"),
        ([0], "has no quality 0; expected 128 to "),
        (["best"], "has no quality 'best'"),
    ],
)
def test_bad_points_are_refused(folder, points, said, quantizer):
    with pytest.raises(ValueError, match=said):
        run(quantizer(), find_pictures([folder]), points)


def test_unknown_metrics_are_refused(folder, quantizer):
    with pytest.raises(ValueError, match="metrics are psnr-rgb, vmaf; expected some of psnr-rgb, ms-ssim-rgb"):
        run(quantizer(), find_pictures([folder]), settings=Settings(metrics=["psnr-rgb", "vmaf"]))


class TestFindPictures:
    def test_hidden_and_other_files_are_left_out(self, folder):
        (folder / ".cache").mkdir()
        for name in ("README.txt", ".hidden.png", ".cache/c.png"):
            (folder / name).write_bytes((folder / "a.png").read_bytes())
        assert [source.name for source in find_pictures([folder])] == ["a.png", "below/b.png"]

    def test_results_of_an_earlier_run_are_no_pictures(self, folder):
        assert [source.name for source in find_pictures([folder], without=folder / "below")] == ["a.png"]

    def test_names_that_are_no_text_are_refused(self, folder):
        (folder / os.fsdecode(b"x\xff.png")).write_bytes((folder / "a.png").read_bytes())
        with pytest.raises(ValueError, match="is no text, which results could hold"):
            find_pictures([folder])

    def test_a_picture_named_twice_is_taken_once(self, folder):
        assert [source.name for source in find_pictures([folder, folder / "a.png"])] == ["a.png", "below/b.png"]

    def test_two_of_one_name_are_refused(self, folder):
        (folder / "below" / "a.png").write_bytes((folder / "a.png").read_bytes())
        with pytest.raises(ValueError, match=r"would both be called a\.png; give the folder above them"):
            find_pictures([folder / "a.png", folder / "below"])

    def test_none_are_told(self, tmp_path):
        with pytest.raises(ValueError, match="there are no pictures in"):
            find_pictures([tmp_path])
        with pytest.raises(FileNotFoundError):
            find_pictures([tmp_path / "missing"])

    def test_grey_pictures_get_three_channels(self, folder, photograph):
        write_picture(folder / "a.png", photograph[..., 0], overwrite=True)
        assert find_pictures([folder / "a.png"])[0].read().shape == (512, 768, 3)


class TestFindClose:
    @pytest.mark.parametrize("target", [0.05, 1.0, 4.0, 100.0])
    def test_bits_are_the_nearest_there_are(self, photograph, target, quantizer):
        pixels = photograph[:128, :128]
        found = find_close(quantizer(), pixels, "bpp", target)
        all_bpp = [8 * len(quantizer().encode(pixels, q).data) / 128**2 for q in quantizer.settings]
        low = min(abs(bpp - target) for bpp in all_bpp)
        assert abs(found.value - target) <= low + 0.02  # rate is not quite monotonic
        assert found.tries <= 9

    def test_distortion(self, photograph, quantizer):
        found = find_close(quantizer(), photograph[:128, :128], "psnr-rgb", 40)
        assert found.value == pytest.approx(40, abs=1)
        assert psnr(photograph[:128, :128], found.decoded.pixels) == found.value

    def test_the_best_is_returned_not_the_last(self, quantizer):
        class Bumpy(quantizer):
            settings = (1, 2, 3, 4, 5, 6, 7)
            sizes = (0, 10, 20, 59, 50, 70, 80, 90)

            def encode(self, pixels, quality):
                return Encoded(bytes(self.sizes[quality]), 0.0)

        found = find_close(Bumpy(), np.zeros((8, 1, 3), np.uint8), "bpp", 52.0)
        assert (found.quality, found.value) == (4, 50.0)

    def test_few_settings_need_no_order(self, quantizer):
        class Unordered(quantizer):
            settings = ("q3", "q1", "q2")

            def encode(self, pixels, quality):
                return Encoded(bytes(100 * int(quality[1])), 0.0)

        assert find_close(Unordered(), np.zeros((8, 1, 3), np.uint8), "bpp", 300.0).quality == "q3"

    def test_a_bad_wish_is_refused(self, photograph, quantizer):
        with pytest.raises(ValueError, match="metric is 'vmaf'"):
            find_close(quantizer(), photograph, "vmaf", 1)
        with pytest.raises(ValueError, match="target is nan"):
            find_close(quantizer(), photograph, "bpp", float("nan"))
