"""Rules without files: splits, stretches, boxes, shots, tracks, names."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from fommvg_lib.crop import CropBox
from fommvg_lib.faces import Face
from fommvg_lib.preparation.boxes import cut_out, fit_box, square_of
from fommvg_lib.preparation.cuts import find_cuts, shots
from fommvg_lib.preparation.sources import safe_name
from fommvg_lib.preparation.splits import assign_splits
from fommvg_lib.preparation.stretches import divide
from fommvg_lib.preparation.tracks import find_tracks, iou

PEOPLE = st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=30)
SHARES = st.floats(0, 1)


@given(PEOPLE, SHARES, st.integers(0, 5), st.randoms())
def test_everybody_is_on_one_side_and_the_order_of_names_does_not_matter(people, share, seed, random):
    splits = assign_splits(people, share=share, seed=seed)
    shuffled = [*people, *people[:3]]
    random.shuffle(shuffled)
    assert splits == assign_splits(shuffled, share=share, seed=seed)
    assert splits.keys() == set(people) and set(splits.values()) <= {"train", "test"}


@given(PEOPLE, SHARES)
def test_as_many_are_held_out_as_were_asked_for(people, share):
    held_out = sum(split == "test" for split in assign_splits(people, share=share).values())
    if len(people) > 1 or share in (0, 1):
        assert held_out == math.ceil(round(share * len(people), 9))
    else:
        assert held_out == 0


@given(PEOPLE, PEOPLE, SHARES)
def test_nobody_changes_sides_when_others_join(first, more, share):
    before = assign_splits(first, share=share)
    after = assign_splits([*first, *more], before, share)
    assert {name: after[name] for name in first} == before


def test_another_seed_holds_out_others():
    people = [f"id{number}" for number in range(50)]
    drawn = [assign_splits(people, seed=seed) for seed in range(3)]
    assert drawn[0] != drawn[1] != drawn[2]
    assert assign_splits(["only"]) == {"only": "train"}


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match="0 to 1"):
        assign_splits(["a"], share=1.5)


@given(
    st.integers(0, 40),
    st.integers(1, 200),
    st.none() | st.integers(1, 50),
    st.integers(1, 20),
    st.none() | st.integers(1, 90),
)
def test_every_frame_is_in_one_piece_or_left_out(first, length, exact, least, most):
    stop = first + length
    kept, left = divide(first, stop, exact, least, most)
    parts = sorted([*kept, *((stretch.first, stretch.stop) for stretch in left)])
    assert [frame for a, b in parts for frame in range(a, b)] == list(range(first, stop))
    for a, b in kept:
        assert (b - a == exact if exact else b - a <= (most or length)) and b - a >= least
    assert all(stretch.reason and not stretch.name for stretch in left)


@given(st.integers(20, 300), st.integers(20, 300), st.data())
def test_a_squared_box_lies_in_the_picture_and_keeps_its_side(height, width, draw):
    x, y = draw.draw(st.integers(0, width - 2)), draw.draw(st.integers(0, height - 2))
    box = CropBox(x, y, draw.draw(st.integers(1, width - x)), draw.draw(st.integers(1, height - y)))
    square = square_of(box, height, width)
    assert square.width == square.height == min(max(box.width, box.height), height, width)
    assert 0 <= square.x <= width - square.width and 0 <= square.y <= height - square.height


def test_the_three_fits():
    assert fit_box("center", 120, 160) == CropBox(20, 0, 120, 120)  # KTH: columns 20 to 139
    assert fit_box("pad", 120, 160) == CropBox(0, -20, 160, 160)
    assert fit_box("stretch", 120, 160) == CropBox(0, 0, 160, 120)
    with pytest.raises(ValueError, match="none of"):
        fit_box("squeeze", 1, 1)


def test_what_lies_outside_is_the_edge_or_black():
    frame = np.full((4, 8, 3), 200, np.uint8)
    frame[0] = 100
    box = fit_box("pad", 4, 8)
    edge, black = (cut_out(frame, box, 8, fill) for fill in ("edge", "black"))
    assert (edge[:3] == 100).all() and (edge[3:] == 200).all()
    assert (black[:2] == 0).all() and (black[6:] == 0).all() and np.array_equal(black[2:6], frame)


def moving(offset: int, num_frames: int, speed: int = 1) -> list[np.ndarray]:
    """Frames of one shot: a window that slides over a photo."""
    photo = data.astronaut()
    return [photo[offset : offset + 96, k * speed : k * speed + 128] for k in range(num_frames)]


def test_shots_are_found_where_they_meet_and_nowhere_else():
    film = [*moving(0, 10), *(255 - frame for frame in moving(300, 7)), *moving(100, 9, speed=12)]
    assert find_cuts(film) == [10, 17]
    assert list(shots([10, 17], len(film))) == [(0, 10), (10, 17), (17, 26)]
    assert list(shots([], 0)) == []


def test_a_slow_change_of_light_and_a_still_picture_are_no_cuts():
    picture = moving(0, 1)[0]
    assert find_cuts([(picture * scale).astype(np.uint8) for scale in np.linspace(0.2, 1, 30)]) == []
    assert find_cuts([picture] * 20) == []


def test_overlap_of_squares():
    assert iou(Face(0, 0, 10), Face(0, 0, 10)) == 1
    assert iou(Face(0, 0, 10), Face(5, 0, 10)) == pytest.approx(50 / 150)
    assert iou(Face(0, 0, 10), Face(10, 0, 10)) == 0


def seen(*faces: list[Face]):
    """A detector that gives these in turn, and frames that are all alike."""
    answers = iter(faces)
    return [np.zeros((40, 60, 3), np.uint8)] * len(faces), lambda frame: list(next(answers))


def test_a_track_ends_where_the_face_leaves_its_first_place():
    near, far = Face(10, 10, 20), Face(35, 10, 20)
    frames, detect = seen([near], [near], [Face(14, 10, 20)], [far], [far], [far], [far])
    one, two = find_tracks(frames, step=1, detect=detect)
    assert (one.first, one.stop, len(one.faces)) == (0, 3, 3)
    assert (two.first, two.stop, two.faces[0]) == (3, 7, far)


def test_two_people_have_two_tracks_and_a_miss_ends_neither():
    left, right = Face(2, 5, 20), Face(35, 5, 20)
    frames, detect = seen([left, right], [right], [left, right], [left], [left, right])
    one, two = find_tracks(frames, step=1, detect=detect)
    assert [(t.first, t.stop, t.faces[0]) for t in (one, two)] == [(0, 5, left), (0, 5, right)]


def test_false_alarms_make_no_track():
    face, ghost = Face(2, 5, 20), Face(35, 5, 20)
    frames, detect = seen([face, ghost], [face], [face], [face], [face], [face])
    assert [(t.first, t.stop, t.faces[0]) for t in find_tracks(frames, step=1, detect=detect)] == [
        (0, 6, face)
    ]


def test_a_face_that_is_found_twice_is_one_person():
    face, again = Face(2, 5, 20), Face(4, 4, 26)
    frames, detect = seen(*[[face, again]] * 4)
    (track,) = find_tracks(frames, step=1, detect=detect)
    assert track.faces == [again] * 4


def test_a_shot_too_short_for_three_looks_needs_a_face_in_each():
    face = Face(2, 5, 20)
    frames, detect = seen([face], [face])
    assert len(find_tracks(frames, step=1, detect=detect)) == 1
    frames, detect = seen([face], [])
    assert find_tracks(frames, step=1, detect=detect) == []


def test_a_new_shot_begins_a_new_track():
    face = Face(2, 5, 20)
    dark, bright = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 220, np.uint8)
    tracks = find_tracks([dark] * 6 + [bright] * 3, step=2, detect=lambda frame: [face])
    assert [(track.first, track.stop) for track in tracks] == [(0, 6), (6, 9)]


@given(st.text(max_size=300))
def test_names_are_safe(text):
    name = safe_name(text)
    assert name and len(name) <= 120 and not name.startswith(".") and "/" not in name
    assert safe_name(name) == name


def test_preparation_starts_without_torch():
    code = "import sys, fommvg_lib.commands.preparation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0  # else seconds for each process
