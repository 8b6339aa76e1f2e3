"""Landmark detectors: three optional packages behind one call, none needed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fommvg_lib import landmarks
from fommvg_lib.landmarks import dlib_model_path, open_landmarker

PICTURE = np.zeros((40, 60, 3), np.uint8)
SMALL, LARGE = np.random.default_rng(0).uniform(0, [[[4, 4]], [[30, 20]]], (2, 68, 2))


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path))
    for name in ("face_alignment", "mediapipe", "dlib"):
        monkeypatch.setitem(sys.modules, name, None)


def face_alignment(faces, **types):
    """A module with the interface of face_alignment 1.3 to 1.5."""

    class FaceAlignment:
        def __init__(self, kind, device="cuda", flip_input=True, compile=True):
            assert kind == "flat" and device == "cpu" and flip_input and not compile

        def get_landmarks_from_image(self, image):
            assert image.dtype == np.uint8
            return faces

    return SimpleNamespace(FaceAlignment=FaceAlignment, LandmarksType=SimpleNamespace(**types))


def test_without_a_package_there_is_none_and_nothing_to_say():
    assert open_landmarker() == (None, ())


@pytest.mark.parametrize("name", ["TWO_D", "_2D"])
def test_face_alignment_gives_the_largest_face(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "face_alignment", face_alignment([SMALL, LARGE], **{name: "flat"}))
    found, notes = open_landmarker()
    assert found.name == "face_alignment" and notes == ()
    assert np.array_equal(found.find(PICTURE), LARGE)


@pytest.mark.parametrize("nobody", [None, []])
def test_face_alignment_gives_none_without_a_face(monkeypatch, nobody):
    monkeypatch.setitem(sys.modules, "face_alignment", face_alignment(nobody, TWO_D="flat"))
    assert open_landmarker()[0].find(PICTURE) is None


def test_a_package_that_cannot_start_is_told_and_the_next_one_tried(monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("no\nconnection")

    types = SimpleNamespace(TWO_D="flat")
    broken = SimpleNamespace(FaceAlignment=unreachable, LandmarksType=types)
    monkeypatch.setitem(sys.modules, "face_alignment", broken)
    monkeypatch.setitem(sys.modules, "mediapipe", SimpleNamespace())
    found, notes = open_landmarker()
    assert found is None
    assert notes[0] == "face_alignment cannot be used: no connection"
    assert notes[1].startswith("mediapipe cannot be used") and "fetch face-landmarker" in notes[1]


def test_a_package_that_misses_another_is_told(monkeypatch, tmp_path):
    (tmp_path / "dlib.py").write_text("import surely_not_installed")
    monkeypatch.delitem(sys.modules, "dlib")
    monkeypatch.syspath_prepend(tmp_path)
    assert open_landmarker() == (None, ("dlib cannot be used: it misses surely_not_installed",))


def test_mediapipe_gives_pixels(monkeypatch, tmp_path):
    model = tmp_path / "face_landmarker.task"
    monkeypatch.setattr(landmarks, "find_helper", lambda name: model)
    points = [SimpleNamespace(x=0.5, y=0.25), SimpleNamespace(x=0.1, y=0.2), SimpleNamespace(x=0.3, y=0.9)]

    class FaceLandmarker:
        @staticmethod
        def create_from_options(options):
            assert options["base_options"] == {"model_asset_path": str(model)}
            return FaceLandmarker()

        def detect(self, image):
            assert image["image_format"] == "rgb" and image["data"].flags.c_contiguous
            return SimpleNamespace(face_landmarks=[points] if image["data"].any() else [])

    vision = SimpleNamespace(FaceLandmarker=FaceLandmarker, FaceLandmarkerOptions=dict)
    module = SimpleNamespace(tasks=SimpleNamespace(vision=vision, BaseOptions=dict), Image=dict)
    module.ImageFormat = SimpleNamespace(SRGB="rgb")
    monkeypatch.setitem(sys.modules, "mediapipe", module)
    found, notes = open_landmarker()
    assert (found.name, notes) == ("mediapipe", ())
    assert found.find(PICTURE + 1) == pytest.approx(np.array([(30, 10), (6, 8), (18, 36)]))
    assert found.find(PICTURE) is None


def test_dlib_needs_its_model_and_gives_the_largest_face(monkeypatch):
    def part(points):
        return SimpleNamespace(parts=lambda: [SimpleNamespace(x=x, y=y) for x, y in points])

    module = SimpleNamespace(
        get_frontal_face_detector=lambda: lambda image, upsampled: [SMALL, LARGE] if image.any() else [],
        shape_predictor=lambda path: lambda image, box: part(box),
    )
    monkeypatch.setitem(sys.modules, "dlib", module)
    assert "shape_predictor_68_face_landmarks.dat" in open_landmarker()[1][0]
    dlib_model_path().parent.mkdir(parents=True)
    dlib_model_path().touch()
    found, notes = open_landmarker()
    assert (found.name, notes) == ("dlib", ())
    assert np.array_equal(found.find(PICTURE + 1), LARGE) and found.find(PICTURE) is None


@pytest.mark.parametrize("name", ["face_alignment", "mediapipe", "dlib"])
def test_the_installed_package_has_the_interface(monkeypatch, name):
    """Where one is installed, its own classes must have the names that are used here."""
    monkeypatch.delitem(sys.modules, name)
    module = pytest.importorskip(name, reason=f"{name} is not installed: it is optional")
    names = {
        "face_alignment": ("FaceAlignment", "LandmarksType"),
        "mediapipe": ("tasks.vision.FaceLandmarker.create_from_options", "tasks.BaseOptions", "Image"),
        "dlib": ("get_frontal_face_detector", "shape_predictor"),
    }
    for dotted in names[name]:
        part = module
        for attribute in dotted.split("."):
            part = getattr(part, attribute)
