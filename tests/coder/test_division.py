"""Division by reciprocals, in all its forms and for every width."""

import shutil
import subprocess
from pathlib import Path

import pytest

CODER = Path(__file__).parents[2] / "coder"


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("without", ["nothing", "__SIZEOF_INT128__"])
def test_every_quotient_is_exact(tmp_path, without):
    program = tmp_path / "check_division"
    source = CODER / "fuzz" / "check_division.cpp"
    compiler = ["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", f"-U{without}", "-I", CODER / "include"]
    subprocess.run([*compiler, source, "-o", program], check=True)
    result = subprocess.run([program], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "every quotient is exact\n")
