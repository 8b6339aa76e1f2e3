"""Files as they are found: phones, webcams, old containers, odd pictures, through `fommvg animate`.

They lie beside the repository and are no part of it; without them these tests are skipped.
"""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from fommvg_lib.__main__ import main
from fommvg_lib.driving import DrivingVideo
from fommvg_lib.extraction import extract_folder
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.motion_files import load_motion
from fommvg_lib.video_io import probe, read_frames
from tests.video_io.clips import set_display_matrix

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
pytestmark = pytest.mark.skipif(not CLIPS.is_dir(), reason="the reference clips are not here")


@dataclass(frozen=True)
class Raw:
    """What is known of a file: its frames, their mean rate, its length (rate and length differ in a 752-frame
    webm that leaves out 13 frames) and whether it has sound."""

    name: str
    num_packets: int
    fps: float
    seconds: float
    has_audio: bool = False

    @property
    def num_frames(self) -> int:
        """Frames at a constant rate."""
        return round(self.seconds * self.fps)


RAW = (
    Raw("raw_asl_book.mkv", 109, 30, 109 / 30),
    Raw("raw_bigbuckbunny.mp4", 132, 25, 132 / 25, has_audio=True),
    Raw("raw_clm_cap13.webm", 752, 25, 765 / 25),
    Raw("raw_grid_lbax4n.mpg", 75, 25, 3, has_audio=True),
    Raw("raw_lia_vox3.mov", 446, 24, 446 / 24, has_audio=True),
    Raw("raw_lp_s29.mp4", 160, 30, 160 / 30, has_audio=True),
    Raw("raw_pet_horse.gif", 9, 25 / 3, 1.08),
    Raw("raw_tpsmm.mp4", 169, 25, 169 / 25, has_audio=True),
    Raw("raw_vr_1.mp4", 135, 135 / 6.1, 6.1, has_audio=True),
    Raw("raw_vr_4.mp4", 199, 30, 199 / 30, has_audio=True),
)
NAMES = [raw.name for raw in RAW]


def animate(capsys, source: str, driver: Path, out: Path, *words) -> dict:
    """Animate a portrait by the shipped weights, in their 64 pixels; gives the report."""
    given = ("--source", CLIPS / "portraits" / source, "--driving", driver, "--out", out, "--json")
    status = main(["animate", *map(str, given), *words])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return json.loads(captured.out)["written"][0]


def sound_ends(path: Path) -> tuple[float, float]:
    """Give the seconds at which the decoded sound begins and ends."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    first, last = frames[0], frames[-1]
    return float(first.pts * first.time_base), float(last.pts * last.time_base) + last.samples / last.rate


def check_output(raw: Raw, out: Path, num_frames: int, seconds: float) -> None:
    """Frames by count, sound to within a frame as long as the pictures, or as what the file has of it."""
    info = probe(out)
    assert (info.num_frames, info.width, info.height) == (num_frames, 64, 64)
    assert info.fps == pytest.approx(raw.fps, rel=1e-4)
    assert info.has_audio == raw.has_audio
    if raw.has_audio:
        begin, end = sound_ends(out)
        there = sound_ends(CLIPS / "raw" / raw.name)[1]  # raw_vr_4's sound ends 39 ms before its pictures
        assert abs(begin) <= 1 / raw.fps and abs(end - min(seconds, there)) <= 1 / raw.fps


@pytest.mark.soak
@pytest.mark.parametrize("raw", RAW, ids=NAMES)
def test_every_raw_clip_animates_whole(capsys, tmp_path, raw):
    report = animate(capsys, "mona_lisa.png", CLIPS / "raw" / raw.name, tmp_path / "out.mp4")
    assert report["frames"] == raw.num_frames and report["audio"] == raw.has_audio
    check_output(raw, tmp_path / "out.mp4", raw.num_frames, raw.seconds)


@pytest.mark.parametrize("name", ["raw_vr_1.mp4", "raw_grid_lbax4n.mpg", "raw_pet_horse.gif"])
def test_a_stretch_of_a_raw_clip_animates(capsys, tmp_path, name):
    """A phone's varying rate with sound that begins before the pictures, an MPEG-1 file, a gif."""
    raw = RAW[NAMES.index(name)]
    words = ("--driving-crop", "center", "--start", "0.24", "--end", "1.08")
    report = animate(capsys, "mona_lisa.png", CLIPS / "raw" / name, tmp_path / "out.mp4", *words)
    assert report["frames"] == round(0.84 * raw.fps)
    check_output(raw, tmp_path / "out.mp4", report["frames"], 0.84)


@pytest.mark.parametrize("raw", RAW, ids=NAMES)
def test_drivers_are_counted_in_time_not_in_packets(raw):
    driver = DrivingVideo(CLIPS / "raw" / raw.name, 64, "center")
    assert probe(driver.path).num_frames == raw.num_packets
    assert driver.num_frames == raw.num_frames and driver.fps == pytest.approx(raw.fps, rel=1e-4)
    assert driver.has_audio == raw.has_audio


def test_a_phones_upright_video_comes_upright(tmp_path):
    """A 720 x 1364 file told to lie on its side: its frames are the stored ones, turned."""
    stored = next(read_frames(CLIPS / "raw" / "raw_lp_s29.mp4"))
    path = Path(shutil.copy(CLIPS / "raw" / "raw_lp_s29.mp4", tmp_path / "phone.mp4"))
    path.chmod(0o644)
    set_display_matrix(path, 0, 1, -1, 0)  # a quarter clockwise
    info = probe(path)
    assert (info.width, info.height, info.rotation) == (1364, 720, 90)
    turned = next(DrivingVideo(path, 720, "center").frames())
    expected = np.rot90(stored, -1)[:, 322:1042]
    assert np.abs(turned.astype(int) - expected).mean() < 1


@pytest.mark.soak
@pytest.mark.parametrize("path", sorted((CLIPS / "portraits").glob("*")), ids=lambda path: path.name)
def test_every_portrait_is_animated_and_pasted_back(capsys, tmp_path, path):
    """CMYK, palette, 16 bits, alpha, turned by EXIF, odd sides: the result is as large as the picture."""
    words = ("--paste-back", "--driving-crop", "center", "--end", "0.12")
    animate(capsys, path.name, CLIPS / "raw" / "raw_tpsmm.mp4", tmp_path / "out", *words)
    frames = list(read_frames(tmp_path / "out"))
    upright = upright_size(path)
    assert len(frames) == 3 and all(frame.shape[:2] == upright for frame in frames)


@pytest.mark.soak
def test_every_frame_of_every_clip_is_extracted(tiny_weights, tmp_path):
    """All folders at once; the portraits, pictures of many sizes, are no clip and are listed as such."""
    result = extract_folder(load_frame_generator(tiny_weights), CLIPS, tmp_path)
    assert list(result.rejected) == ["portraits"] and "the first frame is" in result.rejected["portraits"]
    made = {path.relative_to(tmp_path).as_posix(): len(load_motion(path)) for path in result.written}
    with (CLIPS / "clips.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["folder"] != "portraits"]
    listed = {f"{row['folder']}/{Path(row['file']).stem}.safetensors": int(row["frames"]) for row in rows}
    assert len(rows) == len(listed) and made == listed


def upright_size(path: Path) -> tuple[int, int]:
    """Give the size of the upright picture by Pillow's own reading of EXIF."""
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).size[::-1]
