"""Curves and their files."""

import json
import math

import pytest

from jaxcompress.evaluate import Curve, load_curve

CURVE = Curve(
    "JPEG",
    "Pillow",
    {"bpp": [0.5, 1.0], "psnr-rgb": [30.0, math.inf], "ms-ssim-rgb": [0.9, 0.99]},
    qualities=(5, "best"),
    pictures=({"picture": "ä.png", "quality": 5, "bpp": 0.5, "psnr-rgb": math.inf},),
    meta={"subsampling": "4:4:4"},
)


def test_a_curve_comes_back_from_its_file(tmp_path):
    CURVE.save(tmp_path / "curve.json")
    assert load_curve(tmp_path / "curve.json") == CURVE


def test_the_file_is_strict_json_in_the_schema_of_compressai(tmp_path):
    CURVE.save(tmp_path / "curve.json")
    content = json.loads((tmp_path / "curve.json").read_text(), parse_constant=pytest.fail)
    assert (content["name"], content["description"]) == ("JPEG", "Pillow")
    assert content["results"] == {"bpp": [0.5, 1.0], "psnr-rgb": [30.0, None], "ms-ssim-rgb": [0.9, 0.99]}


def test_files_of_compressai_are_read(tmp_path):
    path = tmp_path / "theirs.json"
    path.write_text(
        '{"name": "av1", "description": "AV1", "results": {"bpp": [1], "psnr-rgb": [30]}, "meta": {"a": 1}}'
    )
    assert load_curve(path) == Curve("av1", "AV1", {"bpp": [1.0], "psnr-rgb": [30.0]}, meta={"a": 1})


def test_decibels_of_ms_ssim_are_those_of_the_mean():
    assert CURVE.values("ms-ssim-db-rgb") == pytest.approx([10, 20])
    with pytest.raises(ValueError, match=r"JPEG has no 'vmaf'; it has bpp, psnr-rgb, ms-ssim-rgb"):
        CURVE.values("vmaf")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"name": "a", "results": {"psnr-rgb": [1]}}',
     '{"name": "a", "results": {"bpp": [1], "b": [1, 2]}}',
     '{"name": "a", "results": {"bpp": ["x"]}}', '{"name": "a", "results": 3}', '{"name": "a", "results": {"bpp": 3}}'],
)  # fmt: skip
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"other\.json is no rate-distortion curve"):
        load_curve(path)


def test_a_file_that_exists_stays(tmp_path):
    CURVE.save(tmp_path / "curve.json")
    with pytest.raises(FileExistsError):
        CURVE.save(tmp_path / "curve.json")
    CURVE.save(tmp_path / "curve.json", overwrite=True)
