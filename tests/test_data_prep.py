"""The data preparation commands."""

import subprocess
import sys
from pathlib import Path

from fommvg_lib.clips import ClipFolder

SCRIPT = Path(__file__).resolve().parents[1] / "data_prep" / "synthetic.py"


def call(*words):
    return subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)


def test_synthetic_heads_are_written_as_a_clip_folder(tmp_path):
    done = call("--out", tmp_path / "heads", "--num-train", 2, "--num-test", 1, "--frames", 4)
    assert done.returncode == 0 and "3 clips" in done.stdout
    assert len(ClipFolder(tmp_path / "heads", "train")) == 2
    assert ClipFolder(tmp_path / "heads", "test").num_frames(0) == 4


def test_too_many_identities_are_one_line_and_status_2(tmp_path):
    done = call("--out", tmp_path / "heads", "--num-test", 9999)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
