"""The commands of the published sets, on miniatures of their files."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from skimage import data

from fommvg_lib.clips import ClipFolder
from fommvg_lib.preparation import read_manifest
from fommvg_lib.video_io import probe, read_video, write_image, write_video
from tests.preparation.records import example_bytes, record_bytes, write_records
from tests.video_io.clips import numbered_frame

SETS = ("folder", "kth", "bair", "vox", "ravdess", "faceforensics", "taichi", "fashion", "mgif", "mug")


def call(capsys, name: str, *words) -> tuple[int, str, str]:
    status = importlib.import_module(f"data_prep.{name}").main([*map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def clips_of(out: Path) -> dict[str, list[str]]:
    """Give the names of all clips, by split."""
    return {
        folder.name: sorted(path.stem for path in folder.glob("*.mp4"))
        for folder in sorted(out.iterdir())
        if folder.is_dir() and any(folder.glob("*.mp4"))
    }


@pytest.mark.parametrize("name", SETS)
def test_help_says_where_the_data_comes_from_and_under_which_terms(capsys, name):
    with pytest.raises(SystemExit) as stop:
        call(capsys, name, "--help")
    said = capsys.readouterr().out
    assert stop.value.code == 0 and "Source: " in said and "Terms: " in said
    for option in ("--out", "--dry-run", "--jobs", "--overwrite", "--size", "--format"):
        assert option in said


@pytest.mark.parametrize("name", SETS)
def test_a_folder_that_is_not_there_is_one_line_and_status_2(capsys, name, tmp_path):
    module = importlib.import_module(f"data_prep.{name}")
    required = [
        action.option_strings[0]
        for action in module.build_parser()._actions
        if action.required and not isinstance(action, argparse._HelpAction)
    ]
    words = [word for option in required for word in (option, tmp_path / "nowhere")]
    status, _, why = call(capsys, name, *words)
    assert status == 2 and "nowhere" in why and len(why.splitlines()) == 1


def write_kth(path: Path, num_frames: int) -> None:
    """An AVI as KTH's are: MPEG-4 with the DivX tag, B-frames, 160 x 120, 25 fps; grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"bf": "1", "qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.codec_tag = "DX50"
        for number in range(num_frames):
            grey = numbered_frame(number, 120, 160).mean(axis=-1).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(grey[..., None], 3, -1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_kth_is_cut_to_the_middle_in_16_frames_and_split_by_person(capsys, tmp_path):
    for person, length in (("01", 37), ("24", 16), ("25", 33)):
        write_kth(tmp_path / "kth" / f"person{person}_boxing_d1_uncomp.avi", length)
    write_kth(tmp_path / "kth" / "notes.avi", 3)
    words = ("--videos", tmp_path / "kth", "--out", tmp_path / "out", "--size", 64)
    status, said, _ = call(capsys, "kth", *words)
    assert status == 0 and "5 clips of 80 frames, 6 left out" in said and "1 rejected" in said
    assert clips_of(tmp_path / "out") == {
        "test": ["person25#boxing_d1#000", "person25#boxing_d1#001"],
        "train": ["person01#boxing_d1#000", "person01#boxing_d1#001"],
        "val": ["person24#boxing_d1#000"],
    }
    whole = read_video(tmp_path / "kth" / "person01_boxing_d1_uncomp.avi")
    assert whole.shape == (37, 120, 160, 3)
    piece = read_video(tmp_path / "out" / "train" / "person01#boxing_d1#001.mp4").astype(int)
    assert piece.shape == (16, 64, 64, 3) and np.ptp(piece, axis=-1).max() <= 4  # still grey
    for k in (0, 15):  # the right frames: nearer to theirs than to their neighbours'
        small = [
            np.asarray(Image.fromarray(whole[16 + k + d, :, 20:140]).resize((64, 64))).astype(int)
            for d in (-1, 0, 1)
        ]
        errors = [np.abs(piece[k] - other).mean() for other in small]
        assert errors[1] == min(errors) and errors[1] < 5


def test_kth_sequences_leave_the_empty_stage_out(capsys, tmp_path):
    write_kth(tmp_path / "kth" / "person01_walking_d2_uncomp.avi", 50)
    table = tmp_path / "00sequences.txt"
    table.write_text("KTH\n\nperson01_walking_d2\t\tframes\t3-20, 31-60\n", encoding="latin-1")
    words = ("--videos", tmp_path / "kth", "--out", tmp_path / "out", "--size", 64, "--sequences", table)
    assert call(capsys, "kth", *words)[0] == 0
    rows = read_manifest(tmp_path / "out")["person01_walking_d2_uncomp.avi"]
    assert [(row.status, row.start, row.frames) for row in rows if row.clip] == [
        ("written", "0.080", "16"),
        ("written", "1.200", "16"),
    ]
    assert sum(int(row.frames) for row in rows) == 50
    table.write_text("person01_walking_d2 frames 20-3\n")
    status, _, why = call(capsys, "kth", *words)
    assert status == 2 and "line 1 holds no ranges" in why


def trajectory(seed: int, num_frames: int = 30) -> tuple[dict, np.ndarray, np.ndarray]:
    """An example as BAIR's are, its main camera's frames and its actions."""
    random = np.random.default_rng(seed)
    videos = {name: random.integers(0, 256, (num_frames, 64, 64, 3), np.uint8) for name in ("main", "aux1")}
    actions = random.normal(size=(num_frames, 4)).astype(np.float32)
    features = {}
    for t in range(num_frames):
        for name, frames in videos.items():
            features[f"{t}/image_{name}/encoded"] = [frames[t].tobytes()]
        features[f"{t}/action"] = actions[t]
        features[f"{t}/endeffector_pos"] = actions[t, :3] + 1
    return features, videos["main"], actions


def test_bair_records_become_clips_of_both_cameras_with_actions_kept(capsys, tmp_path):
    one, two = trajectory(1), trajectory(2)
    write_records(tmp_path / "b" / "train" / "traj_256_to_511.tfrecords", [one[0], two[0]])
    write_records(tmp_path / "b" / "test" / "traj_0_to_255.tfrecords", [one[0]])
    words = ("--records", tmp_path / "b", "--out", tmp_path / "out", "--format", "png")
    status, said, _ = call(capsys, "bair", *words)
    assert status == 0 and "6 clips of 180 frames" in said
    assert clips_of(tmp_path / "out") == {
        "test": ["traj000000#aux1", "traj000000#main"],
        "train": [f"traj{n:06d}#{camera}" for n in (256, 257) for camera in ("aux1", "main")],
    }
    assert np.array_equal(read_video(tmp_path / "out" / "train" / "traj000257#main.mp4"), two[1])
    states = np.load(tmp_path / "out" / "states" / "train" / "traj000257.npz")
    assert np.array_equal(states["action"], two[2])
    assert np.array_equal(states["endeffector_pos"], two[2][:, :3] + 1)
    assert "0 sources prepared now, 2 were done before" in call(capsys, "bair", *words)[1]


def test_a_wrong_trajectory_is_rejected_alone_and_a_broken_file_from_there_on(capsys, tmp_path):
    good, short = trajectory(1, 4)[0], trajectory(2, 4)[0]
    del short["3/action"]
    broken = bytearray(record_bytes(example_bytes(good)))
    broken[500] ^= 1
    folder = tmp_path / "b" / "test"
    folder.mkdir(parents=True)
    records = [record_bytes(example_bytes(example)) for example in (good, short, good)]
    (folder / "traj_0_to_255.tfrecords").write_bytes(b"".join([*records, bytes(broken), records[0]]))
    words = ("--records", tmp_path / "b", "--out", tmp_path / "out", "--cameras", "aux1")
    status, said, _ = call(capsys, "bair", *words)
    assert status == 0 and "2 clips of 8 frames" in said and "2 rejected" in said
    assert clips_of(tmp_path / "out") == {"test": ["traj000000#aux1", "traj000002#aux1"]}
    reasons = [row.reason for row in read_manifest(tmp_path / "out")["test/traj_0_to_255.tfrecords"]]
    assert "trajectory 1: its parts differ in length" in reasons[1]
    assert "record 3 is damaged" in reasons[3]


HEADER = "video_id,start,end,bbox,fps,width,height,partition"


def test_taichi_takes_the_seconds_and_boxes_of_the_table(capsys, tmp_path):
    frames = [numbered_frame(number, 96, 128) for number in range(60)]
    write_video(tmp_path / "v" / "abc_-1.mp4", frames, 25, crf=1)
    rows = [
        "abc_-1,10,22,40-20-104-84,50.0,256,192,train",  # at twice the rate and size: frames 5 to 10
        "abc_-1,100,122,0-0-64-192,50.0,256,192,train",
        "abc_-1,110,180,0-0-64-64,50.0,256,192,train",
        "gone,0,9,0-0-64-64,25,256,192,test",
    ]
    (tmp_path / "t.csv").write_text("\n".join([HEADER, *rows]))
    words = ("--videos", tmp_path / "v", "--metadata", tmp_path / "t.csv", "--out", tmp_path / "out")
    assert call(capsys, "taichi", *words, "--size", 32)[0] == 0
    assert clips_of(tmp_path / "out") == {"train": ["abc_-1#000010#000022", "abc_-1#000100#000122"]}
    first, second, late = read_manifest(tmp_path / "out")["train/abc_-1"]
    assert (first.box, first.start, first.frames) == ("20 10 32 32", "0.200", "6")
    assert second.box == "0 0 96 96"  # 32 x 96 grown to a square and moved inside
    assert late.status == "left out" and "ends at frame 90, the video has 60" in late.reason
    (gone,) = read_manifest(tmp_path / "out")["test/gone"]
    assert gone.status == "rejected" and "holds no gone.mp4" in gone.reason
    cut = read_video(tmp_path / "out" / first.clip).astype(int)
    assert np.abs(cut[0] - frames[5][10:42, 20:52].astype(int)).mean() < 8
    words = (*words[:-1], tmp_path / "as_published", "--size", 32, "--boxes", "stretch")
    assert call(capsys, "taichi", *words)[0] == 0
    assert read_manifest(tmp_path / "as_published")["train/abc_-1"][1].box == "0 0 32 96"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,10,5,0-0-9-9,25,64,64,train", "goes from frame 10 to 5"),
        ("a,0,5,0-0-9,25,64,64,train", "cannot be understood"),
        ("a,0,5,9-0-9-9,25,64,64,train", "has the box 9-0-9-9"),
        ("a,0,5,0-0-9-9,0,64,64,train", "at 0 frames a second"),
        ("a,0,5,0-0-9-9,25,64,64,dev", "partition 'dev'"),
        (",0,5,0-0-9-9,25,64,64,train", "names no video"),
        ("a,0", "cannot be understood"),
    ],
)
def test_a_table_that_makes_no_sense_is_named_with_its_line(capsys, tmp_path, row, reason):
    (tmp_path / "t.csv").write_text(f"{HEADER}\n{row}\n")
    words = ("--videos", tmp_path, "--metadata", tmp_path / "t.csv", "--out", tmp_path / "out")
    status, _, why = call(capsys, "taichi", *words)
    assert status == 2 and "t.csv: line 2" in why and reason in why


def face_video(path: Path, num_frames: int = 10, side: int = 160) -> Path:
    """A face that drifts by a pixel a frame: the photo that comes with scikit-image."""
    photo = np.asarray(Image.fromarray(data.astronaut()[:300, 50:400]).resize((210, 180)))
    frames = [photo[: side - 10, k : k + side] for k in range(num_frames)]
    write_video(path, frames, 25)
    return path


def test_vox_from_its_layout_follows_faces_and_knows_its_test_speakers(capsys, tmp_path):
    face_video(tmp_path / "v" / "id10001" / "vid" / "00001.mp4")
    face_video(tmp_path / "v" / "id10271" / "vid" / "00002.mp4")
    face_video(tmp_path / "v" / "dev" / "id10272" / "vid" / "00003.mp4")
    write_video(tmp_path / "v" / "loose.mp4", [numbered_frame(0)] * 3, 25)
    words = ("--videos", tmp_path / "v", "--out", tmp_path / "out", "--size", 64, "--min-frames", 5)
    status, said, _ = call(capsys, "vox", *words)
    assert status == 0 and "1 rejected" in said
    assert clips_of(tmp_path / "out") == {
        "test": ["id10271#vid#00002#000"],
        "train": ["id10001#vid#00001#000", "id10272#vid#00003#000"],
    }
    row = read_manifest(tmp_path / "out")["id10001/vid/00001.mp4"][0]
    x, y, width, height = map(int, row.box.split())
    assert width == height and row.frames == "10"
    assert x < 70 < x + width and y < 60 < y + height  # her nose, at about (75, 62) all the while
    assert ClipFolder(tmp_path / "out", "all").size == 64


def test_vox_with_the_table_names_clips_by_person_and_video(capsys, tmp_path):
    write_video(tmp_path / "v" / "WMh3.mp4", [numbered_frame(n) for n in range(20)], 25)
    row = "WMh3,3,9,0-0-40-40,25,64,48,test,id10280"
    (tmp_path / "t.csv").write_text(f"{HEADER},person_id\n{row}\n")
    words = ("--videos", tmp_path / "v", "--metadata", tmp_path / "t.csv", "--out", tmp_path / "out")
    assert call(capsys, "vox", *words, "--size", 32)[0] == 0
    assert clips_of(tmp_path / "out") == {"test": ["id10280#WMh3#000003#000009"]}


def test_ravdess_has_a_clip_for_each_video_and_actors_apart(capsys, tmp_path):
    for actor in ("01", "02"):
        folder = tmp_path / "r" / f"Actor_{actor}"
        face_video(folder / f"01-01-05-02-01-01-{actor}.mp4", 6)
    face_video(tmp_path / "r" / "Actor_01" / "02-01-05-02-01-01-01.mp4", 6)
    words = ("--videos", tmp_path / "r", "--out", tmp_path / "out", "--size", 64)
    assert call(capsys, "ravdess", *words, "--test-identities", "actor02")[0] == 0
    assert clips_of(tmp_path / "out") == {
        "test": ["actor02#01-01-05-02-01-01-02#000"],
        "train": ["actor01#01-01-05-02-01-01-01#000"],
    }
    assert probe(tmp_path / "out" / "train" / "actor01#01-01-05-02-01-01-01#000.mp4").num_frames == 6


def test_faceforensics_takes_the_published_splits(capsys, tmp_path):
    for number in ("000", "001", "002"):
        face_video(tmp_path / "f" / f"{number}.mp4", 6)
    for split, pairs in (("train", [["000", "003"]]), ("val", []), ("test", [["001", "004"]])):
        (tmp_path / f"{split}.json").write_text(json.dumps(pairs))
    words = ("--videos", tmp_path / "f", "--out", tmp_path / "out", "--size", 64, "--min-frames", 4)
    status, said, _ = call(capsys, "faceforensics", *words, "--splits", tmp_path)
    assert status == 0 and "1 rejected" in said
    assert clips_of(tmp_path / "out") == {"test": ["001#000"], "train": ["000#000"]}
    (tmp_path / "test.json").write_text('[["000"]]')
    status, _, why = call(capsys, "faceforensics", *words, "--splits", tmp_path)
    assert status == 2 and "which train.json has too" in why


def test_fashion_is_padded_and_split_by_the_lists(capsys, tmp_path):
    tall = np.full((64, 48, 3), 250, np.uint8)
    tall[8:, 16:32] = 40
    for name in ("91+one", "91+two", "91+three"):
        write_video(tmp_path / "v" / f"{name}.mp4", [tall] * 4, 25)
    (tmp_path / "fashion_train.txt").write_text("https://shop.example/images/91+one.mp4\n")
    (tmp_path / "fashion_test.txt").write_text("https://shop.example/images/91+two.mp4\n")
    words = ("--videos", tmp_path / "v", "--lists", tmp_path, "--out", tmp_path / "out", "--size", 64)
    status, said, _ = call(capsys, "fashion", *words)
    assert status == 0 and "1 rejected" in said
    assert clips_of(tmp_path / "out") == {"test": ["91_two#000"], "train": ["91_one#000"]}
    frame = read_video(tmp_path / "out" / "train" / "91_one#000.mp4")[0].astype(int)
    assert abs(frame[:, :6] - 250).mean() < 6 and abs(frame[20:, 28:36] - 40).mean() < 6  # head and feet stay


def test_mgif_reads_gifs_and_keeps_the_splits_given(capsys, tmp_path):
    frames = [numbered_frame(number) for number in range(5)]
    for split in ("train", "test"):
        write_video(tmp_path / "m" / split / "00001.gif", frames, 10)
    words = ("--videos", tmp_path / "m", "--out", tmp_path / "out", "--size", 64)
    assert call(capsys, "mgif", *words)[0] == 0
    assert clips_of(tmp_path / "out") == {"test": ["00001#000"], "train": ["00001#000"]}
    assert probe(tmp_path / "out" / "test" / "00001#000.mp4").fps == 10


def write_take(folder: Path, num_frames: int) -> None:
    photo = np.asarray(Image.fromarray(data.astronaut()[:220, 110:330]).resize((128, 128)))
    for number in range(num_frames):
        write_image(folder / f"img_{number:04d}.jpg", np.roll(photo, number, axis=1))


def test_mug_takes_become_clips_with_one_box_by_the_published_subjects(capsys, tmp_path):
    for subject in ("001", "006", "028", "099"):
        write_take(tmp_path / "m" / subject / "anger" / "take000", 3)
    write_take(tmp_path / "m" / "001" / "neutral" / "take000", 3)
    words = ("--frames", tmp_path / "m", "--out", tmp_path / "out")
    status, said, _ = call(capsys, "mug", *words)
    assert status == 0 and "1 rejected" in said
    assert clips_of(tmp_path / "out") == {
        "test": ["028#anger-take000#000"],
        "train": ["001#anger-take000#000"],
        "val": ["006#anger-take000#000"],
    }
    info = probe(tmp_path / "out" / "val" / "006#anger-take000#000.mp4")
    assert (info.num_frames, info.width, info.fps) == (3, 64, 19)


def test_mug_split_files_choose_subjects_takes_and_frames(capsys, tmp_path):
    write_take(tmp_path / "m" / "001" / "fear" / "take000", 5)
    write_take(tmp_path / "m" / "001" / "fear" / "take001", 5)
    write_take(tmp_path / "m" / "002" / "fear" / "take000", 5)
    lines = {"train": "", "val": "", "test": ""}
    lines["test"] = "".join(f"001 fear take000 img_{n:04d}.jpg\n" for n in (1, 2, 3))
    lines["train"] = "".join(f"002 fear take000 img_{n:04d}.jpg\n" for n in (0, 2))
    for split, text in lines.items():
        (tmp_path / f"{split}.txt").write_text(text)
    words = ("--frames", tmp_path / "m", "--out", tmp_path / "out", "--split-files", tmp_path)
    status, said, _ = call(capsys, "mug", *words)
    assert status == 0 and "1 clips of 3 frames, 2 left out" in said and "2 rejected" in said
    reasons = [row.reason for rows in read_manifest(tmp_path / "out").values() for row in rows if row.reason]
    assert any("stands in none of the split files" in reason for reason in reasons)
    assert any("2 frames with gaps" in reason for reason in reasons)
    (tmp_path / "val.txt").write_text("001 fear take009 img_0000.jpg\n")
    status, _, why = call(capsys, "mug", *words)
    assert status == 2 and "subject 001, as" in why


def write_annotation(path: Path, first: int, boxes: list[tuple]) -> None:
    """A text file as VoxCeleb's are."""
    head = ["Identity  : \tid10271", "Reference : \tvid", "Offset    : \t0", "FV Conf   : \t19.0\t(1)"]
    head += ["ASD Conf  : \t4.4", "", "FRAME \tX \tY \tW \tH "]
    rows = [f"{first + k:06d} \t" + " \t".join(f"{v:g}" for v in box) + " " for k, box in enumerate(boxes)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*head, *rows, ""]))


def test_vox_annotations_of_both_versions_give_the_same_clips(capsys, tmp_path):
    frames = [numbered_frame(number, 72, 128) for number in range(20)]
    write_video(tmp_path / "v" / "vid.mp4", frames, 50)  # twice the annotations' rate
    pixels = [(100, 100, 100, 100)] * 4 + [(300, 100, 100, 100)] * 3  # of 640 x 360: it jumps aside
    shares = [(x / 640, y / 360, w / 640, h / 360) for x, y, w, h in pixels]
    for version, boxes in (("1", pixels), ("2", shares)):
        write_annotation(tmp_path / version / "id10271" / "vid" / "00007.txt", 2, boxes)
        write_annotation(tmp_path / version / "id10271" / "vid" / "00008.txt", 9, boxes)
        write_annotation(tmp_path / version / "id10002" / "gone" / "00001.txt", 0, boxes)
        words = ("--videos", tmp_path / "v", "--annotations", tmp_path / version, "--min-frames", 4)
        status, said, _ = call(capsys, "vox", *words, "--out", tmp_path / f"out{version}", "--size", 32)
        assert status == 0 and "2 clips of 14 frames" in said and "1 rejected" in said
        assert clips_of(tmp_path / f"out{version}") == {
            "test": ["id10271#vid#00007#000", "id10271#vid#00007#001"]
        }
        rows = read_manifest(tmp_path / f"out{version}")["id10271/vid"]
        assert [(row.start, row.frames, row.box) for row in rows[:2]] == [
            ("0.080", "8", "10 10 40 40"),
            ("0.240", "6", "50 10 40 40"),
        ]
        assert "ends at frame 26, the video has 20" in rows[2].reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nothing", "has no line FRAME X Y W H"),
        ("FRAME X Y W H\n", "has no frame"),
        ("FRAME X Y W H\n1 2 3 4\n", "line 2 is not"),
        ("FRAME X Y W H\n1 2 3 4 0\n", "line 2 is not"),
        ("FRAME X Y W H\n1 2 3 4 5\n3 2 3 4 5\n", "do not follow one another"),
    ],
)
def test_an_annotation_that_makes_no_sense_rejects_its_video(capsys, tmp_path, text, reason):
    write_video(tmp_path / "v" / "vid.mp4", [numbered_frame(0)] * 3, 25)
    path = tmp_path / "txt" / "id10001" / "vid" / "00001.txt"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    words = ("--videos", tmp_path / "v", "--annotations", tmp_path / "txt", "--out", tmp_path / "out")
    assert call(capsys, "vox", *words)[0] == 2
    (row,) = read_manifest(tmp_path / "out")["id10001/vid"]
    assert row.status == "rejected" and reason in row.reason


def test_a_recipe_of_a_script_travels_to_its_processes(tmp_path):
    for number in (0, 256):
        name = f"traj_{number}_to_{number + 255}.tfrecords"
        write_records(tmp_path / "b" / "train" / name, [trajectory(number, 2)[0]])
    script = Path(__file__).resolve().parents[2] / "data_prep" / "bair.py"
    words = ("--records", tmp_path / "b", "--out", tmp_path / "out", "--format", "png", "--jobs", "2")
    done = subprocess.run([sys.executable, script, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0 and "4 clips of 8 frames" in done.stdout, done.stderr
    assert done.stderr == ""  # no bar where nobody looks


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--boxes", "stretch"), "--boxes has no effect with face tracks"),
        (("--metadata", "x.csv", "--step", "3"), "--step has no effect with --metadata"),
        (("--annotations", "txt", "--max-frames", "90"), "--max-frames has no effect with --annotations"),
    ],
)
def test_vox_refuses_options_without_effect(capsys, tmp_path, words, told):
    status, _, why = call(capsys, "vox", "--videos", tmp_path, "--out", tmp_path / "out", *words)
    assert status == 2 and told in why and len(why.splitlines()) == 1


def test_kth_refuses_a_length_of_whole_videos(capsys, tmp_path):
    words = ("--videos", tmp_path, "--out", tmp_path / "out", "--whole", "--length", "16")
    status, _, why = call(capsys, "kth", *words)
    assert status == 2 and "--whole and --length" in why
