"""Real footage through the preparation: clips that lie beside the repository and are no part of it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from data_prep import bair, folder, kth
from fommvg_lib.preparation import read_manifest
from fommvg_lib.preparation.cuts import find_cuts
from fommvg_lib.preparation.footage import survey
from fommvg_lib.video_io import count_frames, read_video
from tests.preparation.records import write_records

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "clips"
pytestmark = pytest.mark.skipif(not CLIPS.is_dir(), reason="the reference clips are not here")


def test_every_frame_of_the_robots_is_in_a_clip(tmp_path):
    words = ("--videos", CLIPS / "robot", "--out", tmp_path, "--size", 64, "--format", "png")
    assert folder.main([*map(str, words)]) == 0
    rows = [row for group in read_manifest(tmp_path).values() for row in group]
    there = {path.name: count_frames(path) for path in (CLIPS / "robot").glob("*.mp4")}
    assert {row.source: int(row.frames) for row in rows} == there and sum(there.values()) == 466
    assert all(row.frames == row.source_frames and row.status == "written" for row in rows)


def test_a_robots_frames_survive_bairs_records_bit_by_bit(tmp_path):
    frames = read_video(CLIPS / "robot" / "savp_bair_00026.mp4", size=(64, 64))
    example = {}
    for t, frame in enumerate(frames):
        example |= {f"{t}/image_{camera}/encoded": [frame.tobytes()] for camera in bair.CAMERAS}
        example |= {f"{t}/{what}": np.zeros(width, np.float32) for what, width in bair.STATES.items()}
    write_records(tmp_path / "b" / "test" / "traj_0_to_255.tfrecords", [example])
    words = ("--records", tmp_path / "b", "--out", tmp_path / "out", "--format", "png")
    assert bair.main([*map(str, words)]) == 0
    assert np.array_equal(read_video(tmp_path / "out" / "test" / "traj000000#main.mp4"), frames)


def test_people_who_act_survive_kths_files_with_every_frame_counted(tmp_path):
    frames = read_video(CLIPS / "actions" / "kth_00004.mp4", size=(120, 160))
    (tmp_path / "k").mkdir()
    with av.open(str(tmp_path / "k" / "person02_walking_d1_uncomp.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "3"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.codec_tag = "DX50"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    words = ("--videos", tmp_path / "k", "--out", tmp_path / "out", "--size", 64)
    assert kth.main([*map(str, words)]) == 0
    (rows,) = read_manifest(tmp_path / "out").values()
    assert [row.frames for row in rows if row.clip] == ["16"] * (len(frames) // 16)
    assert sum(int(row.frames) for row in rows) == len(frames)


@pytest.mark.parametrize("name", ["faces/carphone", "actions/penn_tennis_0", "robot/robonet256_0"])
def test_one_shot_is_not_cut_however_it_moves(name):
    assert find_cuts(survey(CLIPS / f"{name}.mp4").frames()) == []
