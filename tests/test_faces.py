"""Finding faces: the cascade by default, YuNet where OpenCV and its model are there."""

from __future__ import annotations

import hashlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from skimage import data

from fommvg_lib import faces
from fommvg_lib.crop import find_crop
from fommvg_lib.files import InputError
from fommvg_lib.weights import helpers, registry
from fommvg_lib.weights.fetching import place_of
from fommvg_lib.weights.registry import find_entry

MODEL = b"the network"
NOSE = (224, 115)


class FakeYuNet:
    """Speaks the interface of `cv2.FaceDetectorYN` (OpenCV 4.8): finds the astronaut where she is red."""

    def __init__(self, score: float) -> None:
        self.score, self.threshold, self.size, self.given = score, 0.9, None, []

    def setInputSize(self, size):  # noqa: N802
        self.size = size

    def setScoreThreshold(self, threshold):  # noqa: N802
        self.threshold = threshold

    def detect(self, image):
        assert image.flags.c_contiguous and image.dtype == np.uint8 and self.size == image.shape[1::-1]
        self.given.append(image)
        if self.score < self.threshold:
            return 1, None
        row = np.array([[180, 50, 90, 120, *[0] * 10, self.score], [10, 10, 20, 25, *[0] * 10, 0.99]])
        return 1, row.astype(np.float32)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FOMMVG_WEIGHTS", str(tmp_path))
    faces._load_yunet.cache_clear()
    helpers._difference.cache_clear()
    yield tmp_path
    faces._load_yunet.cache_clear()


@pytest.fixture
def yunet(cache, monkeypatch):
    """OpenCV and the model's file, both made up; gives the network and its file."""
    real = find_entry("yunet")
    digest = hashlib.sha256(MODEL).hexdigest()
    file = registry.PublishedFile("yunet.onnx", real.file.page, real.file.sources, len(MODEL), digest)
    entry = registry.Entry("yunet", real.kind, real.what, real.licence, file)
    monkeypatch.setattr(helpers, "find_entry", lambda name: entry)
    path = place_of(entry, file)
    path.parent.mkdir(parents=True)
    path.write_bytes(MODEL)
    network = FakeYuNet(0.9)
    create = SimpleNamespace(create=lambda model, config, size: network)
    cv2 = SimpleNamespace(__version__="4.12.0", FaceDetectorYN=create, error=RuntimeError)
    monkeypatch.setitem(sys.modules, "cv2", cv2)
    return network, path, cv2


def test_without_the_model_opencv_is_not_even_imported(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)  # importing it would raise
    assert faces.detector_name() == "cascade"
    assert faces.find_face(data.astronaut()) is not None


def test_without_opencv_the_cascade_looks(yunet, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert faces.detector_name() == "cascade"


def test_opencv_before_4_8_cannot_read_the_model(yunet):
    yunet[2].__version__ = "4.7.0"
    assert faces.detector_name() == "cascade"


def test_yunet_gives_the_largest_face_as_a_square_that_keeps_the_chin(yunet):
    face = faces.find_face(data.astronaut())
    assert faces.detector_name() == "yunet"
    assert (face.x, face.y, face.width) == (round(225 - 52.5), 170 - 105, 105)


def test_yunet_sees_blue_first_and_at_most_640_pixels(yunet):
    picture = np.zeros((400, 1280, 3), np.uint8)
    picture[..., 0] = 200  # red
    face = faces.find_face(picture)
    given = yunet[0].given[0]
    assert given.shape == (200, 640, 3) and (given[..., 2] == 200).all() and not given[..., :2].any()
    assert face.width == 210  # twice as large again


def test_an_unsure_face_is_found_at_the_second_look(yunet):
    yunet[0].score = 0.6
    assert faces.find_face(data.astronaut()) is None
    assert faces.find_face(data.astronaut(), is_thorough=True) is not None
    assert find_crop(data.astronaut(), "face")[1] is None
    yunet[0].score = 0.3
    assert "no face was found" in find_crop(data.astronaut(), "face")[1]


def test_another_file_in_the_models_place_is_refused(yunet):
    yunet[1].write_bytes(b"web page   ")
    with pytest.raises(InputError, match="yunet.onnx: has sha256"):
        faces.find_face(data.astronaut())


def test_a_model_that_opencv_cannot_use_is_named(yunet):
    def fail(model, config, size):
        raise RuntimeError("no such\nlayer")

    yunet[2].FaceDetectorYN.create = fail
    with pytest.raises(InputError, match="yunet.onnx: cannot be used by OpenCV 4.12.0 .no such layer"):
        faces.find_face(data.astronaut())


def test_the_smaller_the_picture_the_nearer_its_own_size():
    small, scale = faces.shrink(np.zeros((100, 50, 3), np.uint8))
    assert small.shape == (100, 50, 3) and scale == 1
    small, scale = faces.shrink(np.zeros((1280, 640, 3), np.uint8))
    assert small.shape == (640, 320, 3) and scale == 2
    assert faces.Face(10, 20, 30).enlarged(1.5) == faces.Face(15, 30, 45)


def test_the_cascade_finds_the_astronaut_and_nothing_in_noise():
    face = faces.find_face(data.astronaut())
    assert abs(face.x + face.width / 2 - NOSE[0]) < 25 and abs(face.y + face.width / 2 - NOSE[1]) < 25
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    assert faces.find_face(noise) is None and faces.find_face(noise[:20]) is None
