"""Crops: the box that was asked for, inside the picture, and back into it without a seam."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from fommvg_lib.crop import CropBox, apply_crop, find_crop, parse_crop, paste_back
from fommvg_lib.faces import find_face
from fommvg_lib.files import InputError
from fommvg_lib.video_io import read_frames, read_image

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
FACE = (224, 115)  # centre of the face in skimage's astronaut picture, x and y


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()


def test_crop_texts():
    assert [parse_crop(mode) for mode in ("face", "center", "none")] == ["face", "center", "none"]
    assert parse_crop("3, 4,50,60") == CropBox(3, 4, 50, 60)
    for wrong in ("", "Face", "1,2,3", "1,2,3,4,5", "1,2,x,4", "-1,2,3,4", "1,2,0,4", "1.5,2,3,4"):
        with pytest.raises(InputError, match="face, center, none or X,Y,W,H"):
            parse_crop(wrong)


@pytest.mark.parametrize(("height", "width"), [(30, 50), (51, 30), (40, 40)])
def test_center_is_the_largest_centred_square(height, width):
    box, note = find_crop(np.zeros((height, width, 3), np.uint8), "center")
    side = min(height, width)
    assert note is None and (box.width, box.height) == (side, side)
    assert abs(2 * box.x + side - width) <= 1 and abs(2 * box.y + side - height) <= 1


def test_none_is_the_whole_picture():
    assert find_crop(np.zeros((30, 50, 3), np.uint8), "none") == (CropBox(0, 0, 50, 30), None)


def test_given_box_must_lie_inside():
    picture = np.zeros((30, 50, 3), np.uint8)
    assert find_crop(picture, CropBox(10, 5, 40, 25)) == (CropBox(10, 5, 40, 25), None)
    for box in (CropBox(11, 5, 40, 25), CropBox(10, 6, 40, 25)):
        for call in (find_crop, apply_crop):
            with pytest.raises(InputError, match="outside the picture of 50 x 30"):
                call(picture, box)
    with pytest.raises(ValueError, match="mode"):
        find_crop(picture, "nose")


def test_face_is_found_and_fills_about_half_the_square(astronaut):
    face = find_face(astronaut)
    box, note = find_crop(astronaut, "face")
    assert note is None and box.width == box.height
    assert abs(face.x + face.width / 2 - FACE[0]) < 25 and abs(face.y + face.width / 2 - FACE[1]) < 25
    assert 0.4 <= face.width / box.width <= 0.6


def test_large_pictures_are_searched_at_a_smaller_scale(astronaut):
    large = astronaut.repeat(3, axis=0).repeat(3, axis=1)
    small_box, large_box = find_crop(astronaut, "face")[0], find_crop(large, "face")[0]
    assert abs(large_box.width / 3 - small_box.width) < 0.15 * small_box.width


def test_one_box_holds_the_face_of_the_whole_clip(astronaut):
    shifts = [4 * number for number in range(31)]
    clip = [np.roll(astronaut, shift, axis=1) for shift in shifts]
    box, note = find_crop(iter(clip), "face")
    assert note is None and box.width == box.height
    for shift in (shifts[0], shifts[-1]):
        assert box.x + 45 < FACE[0] + shift < box.x + box.width - 45
    assert box.width > find_crop(clip[0], "face")[0].width
    assert find_crop(np.stack(clip), "face")[0] == box


def test_without_a_face_the_centre_is_used_and_a_note_says_so():
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    assert find_crop(noise, "face") == (
        CropBox(15, 0, 90, 90),
        "no face was found: the centre square is used",
    )
    assert find_crop(np.zeros((10, 10, 3), np.uint8), "face")[1] is not None


def test_no_frames_is_an_error():
    with pytest.raises(InputError, match="no frame"):
        find_crop([], "center")


def test_pasting_a_crop_back_unchanged_gives_the_picture(astronaut):
    box = CropBox(100, 20, 201, 190)
    assert np.array_equal(paste_back(astronaut, box, apply_crop(astronaut, box)), astronaut)


def test_pasted_crop_fades_at_inner_borders_only():
    picture = np.zeros((100, 100, 3), np.uint8)
    white = np.full((32, 32, 3), 255, np.uint8)
    inside = paste_back(picture, CropBox(20, 20, 60, 60), white)
    assert inside[50, 50].tolist() == [255] * 3 and inside[20, 50, 0] < 40
    assert (
        not inside[:20].any()
        and not inside[80:].any()
        and not inside[:, :20].any()
        and not inside[:, 80:].any()
    )
    steps = np.diff(inside[18:30, 50, 0].astype(int))
    assert (steps >= 0).all() and steps.max() < 130
    assert (paste_back(picture, CropBox(0, 0, 100, 100), white) == 255).all()
    corner = paste_back(picture, CropBox(0, 0, 50, 50), white)
    assert corner[0, 0, 0] == 255 and corner[49, 10, 0] < 40 and corner[10, 49, 0] < 40
    assert not picture.any()


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the reference clips are not here")
def test_faces_of_real_portraits_and_clips_are_found():
    for name in ("mona_lisa", "pearl_earring", "vangogh_self", "einstein", "obama_official"):
        picture = read_image(CLIPS / "portraits" / f"{name}.png")
        box, note = find_crop(picture, "face")
        assert note is None, name
        centre = (box.x + box.width / 2) / picture.shape[1], (box.y + box.height / 2) / picture.shape[0]
        assert np.abs(np.array(centre) - 0.5).max() < 0.2, name
    box, note = find_crop(read_frames(CLIPS / "raw" / "raw_lia_vox3.mov", end_s=3), "face")
    assert note is None and box.width == box.height
