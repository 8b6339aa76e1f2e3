"""Pairs of clips: drawn without repeats from a seed, or read from the published table."""

from __future__ import annotations

from collections import Counter

import pytest

from fommvg_lib.clip_pairs import ClipPair, draw_pairs, read_pairs
from fommvg_lib.files import InputError

NAMES = [f"clip{number}" for number in range(7)]
HEADER = "distance,source,driving,frame\n"


def test_pairs_are_different_and_never_of_one_clip():
    pairs = draw_pairs(NAMES, 42)
    assert len(set(pairs)) == 42 == len(NAMES) * (len(NAMES) - 1)
    assert all(pair.source != pair.driving for pair in pairs)


def test_the_seed_decides():
    assert draw_pairs(NAMES, 5, seed=3) == draw_pairs(NAMES, 5, seed=3) != draw_pairs(NAMES, 5, seed=4)


@pytest.mark.parametrize("names", [NAMES, [str(number) for number in range(3000)]])
def test_more_pairs_begin_with_the_same(names):
    """Also where there are too many to shuffle them all."""
    few, many = draw_pairs(names, 10, seed=1), draw_pairs(names, 30, seed=1)
    assert many[:10] == few and len(set(many)) == 30
    assert all(pair.source != pair.driving for pair in many)


def test_every_clip_is_source_and_driver_about_equally_often():
    pairs = [pair for seed in range(300) for pair in draw_pairs(NAMES, 7, seed)]
    for role in ("source", "driving"):
        counts = Counter(getattr(pair, role) for pair in pairs)
        assert len(counts) == 7 and max(counts.values()) < 1.3 * min(counts.values())


def test_where_fewer_are_possible_all_are_given():
    assert set(draw_pairs(["a", "b"], 50)) == {ClipPair("a", "b"), ClipPair("b", "a")}


@pytest.mark.parametrize("names", [[], ["only"]])
def test_one_clip_makes_no_pair(names):
    with pytest.raises(InputError, match="a pair needs two clips"):
        draw_pairs(names, 5)


@pytest.mark.parametrize(("number", "seed"), [(0, 0), (5, -1)])
def test_numbers_out_of_range_are_refused(number, seed):
    with pytest.raises(ValueError, match="num_pairs|seed"):
        draw_pairs(NAMES, number, seed)


def test_the_name_has_both_clips_and_tells_a_frame():
    assert ClipPair("a", "b").name == ClipPair("a", "b", 0).name == "b-a"
    assert ClipPair("a", "b", 12).name == "b-a-from12"


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "pairs.csv").write_text(text, encoding=encoding)
        return tmp_path / "pairs.csv"

    return write


def test_the_published_form_is_read(table):
    names = ["ab28GAufK8o#000261#000596", "aDyyTMUBoLE#000164#000351", "000048"]
    rows = (
        "3.54437869822485,ab28GAufK8o#000261#000596.mp4,aDyyTMUBoLE#000164#000351.mp4,0\n"
        "0,000048,aDyyTMUBoLE#000164#000351.mp4,7\n\n0,000048.mp4,000048.mp4,0\n"
    )
    expected = [
        ClipPair(names[0], names[1], 0),
        ClipPair("000048", names[1], 7),
        ClipPair("000048", "000048", 0),
    ]
    assert read_pairs(table(HEADER + rows), names) == expected
    assert read_pairs(table((HEADER + rows).replace("\n", "\r\n"), "utf-8-sig"), names) == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "row 1 must be the header distance,source,driving,frame, it is nothing"),
        ("source,driving\nclip0,clip1\n", "row 1 must be the header"),
        ("0,clip0.mp4,clip1.mp4,0\n", "row 1 must be the header"),
        (HEADER, "holds no pair"),
        (HEADER + "0,clip0.mp4,clip1.mp4,0\n0,clip0.mp4,clip9.mp4,0\n", "row 3 names the clip 'clip9'"),
        (HEADER + "\n0,clip9,clip1,0\n", "row 3 names the clip 'clip9'"),
        (HEADER + "0,clip0,clip1\n", "row 2 has 3 cells instead of 4"),
        (HEADER + "0,clip0,clip1,0,5\n", "row 2 has 5 cells"),
        (HEADER + "far,clip0,clip1,0\n", "row 2 has the distance 'far'"),
        (HEADER + "nan,clip0,clip1,0\n", "row 2 has the distance 'nan'"),
        (HEADER + "0,clip0,clip1,-1\n", "row 2 has the frame '-1'"),
        (HEADER + "0,clip0,clip1,1.5\n", "row 2 has the frame '1.5'"),
        (HEADER + "0,clip0,clip1,0\n1,clip0.mp4,clip1,0\n", "row 3 repeats row 2"),
        (HEADER + '0,"clip0,clip1,0\n', "cannot be read as CSV"),
    ],
)
def test_what_is_wrong_is_told_with_its_row(table, text, part):
    path = table(text)
    with pytest.raises(InputError) as caught:
        read_pairs(path, NAMES)
    assert str(caught.value).startswith(f"{path}: ") and part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_table_are_refused(tmp_path):
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    for name, part in (("none.csv", "no such file"), ("", "folder"), ("binary.csv", "cannot be read")):
        with pytest.raises(InputError, match=part):
            read_pairs(tmp_path / name, NAMES)
