"""Face landmarks from whichever optional package is installed: face_alignment, mediapipe or dlib.

None of them is imported unless landmarks are asked for. face_alignment (what the published demos use) brings
its networks by itself at its first use; mediapipe needs `face_landmarker.task` (fommvg weights fetch
face-landmarker), of which the interface since 0.10.30 is spoken, as older ones need NumPy 1; dlib needs
`shape_predictor_68_face_landmarks.dat`, put by hand where `dlib_model_path` says.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from fommvg_lib.weights import cache_folder
from fommvg_lib.weights.helpers import find_helper

Points = np.ndarray
PICTURE_SIDE = 256
"""Pictures are best this large, as in the published demos: detectors know faces of some size only."""
_DLIB_MODEL = "shape_predictor_68_face_landmarks.dat"


@dataclass(frozen=True)
class Landmarker:
    """A landmark detector.

    Attributes:
        name: of the package.
        find: from a picture, uint8 (H, W, 3) RGB, to the points (L, 2) of its largest face in pixels, x and
            y, or None where no face is found. L is the same for all pictures.
    """

    name: str
    find: Callable[[np.ndarray], Points | None]


def open_landmarker(device: str = "cpu") -> tuple[Landmarker | None, tuple[str, ...]]:
    """Open the first landmark detector that works.

    Args:
        device: where face_alignment computes; the others always use the CPU.

    Returns:
        The detector, None if there is none; and why installed packages cannot be used.
    """
    notes = []
    for name, open_one in _OPENERS.items():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                notes.append(f"{name} cannot be used: it misses {error.name}")
            continue
        except Exception as error:  # a broken installation fails in ways of its own
            notes.append(f"{name} cannot be used: {_one_line(error)}")
            continue
        try:
            return Landmarker(name, open_one(module, device)), tuple(notes)
        except Exception as error:  # no model file, no connection for its weights, another version
            notes.append(f"{name} cannot be used: {_one_line(error)}")
    return None, tuple(notes)


def dlib_model_path() -> Path:
    """Give where dlib's model of 68 landmarks is looked for."""
    return cache_folder() / "downloads" / "dlib" / _DLIB_MODEL


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _largest(faces: list[Points]) -> Points | None:
    return max(faces, key=lambda points: float(np.prod(np.ptp(points, axis=0))), default=None)


def _open_face_alignment(module: ModuleType, device: str) -> Callable[[np.ndarray], Points | None]:
    types = module.LandmarksType
    flat = types.TWO_D if hasattr(types, "TWO_D") else types._2D  # renamed in 1.4
    # From 1.5 it would compile its network, which takes longer than a driver's frames.
    plain = {"compile": False} if "compile" in inspect.signature(module.FaceAlignment).parameters else {}
    network = module.FaceAlignment(flat, flip_input=True, device=device, **plain)

    def find(image: np.ndarray) -> Points | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of every picture without a face
            faces = network.get_landmarks_from_image(image)
        return _largest([np.asarray(face, float)[:, :2] for face in faces or []])

    return find


def _open_mediapipe(module: ModuleType, device: str) -> Callable[[np.ndarray], Points | None]:
    path = find_helper("face-landmarker")
    if path is None:
        raise FileNotFoundError("its model is not fetched yet: fommvg weights fetch face-landmarker")
    vision = module.tasks.vision
    base = module.tasks.BaseOptions(model_asset_path=str(path))
    network = vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(base_options=base, num_faces=4)
    )

    def find(image: np.ndarray) -> Points | None:
        height, width = image.shape[:2]
        picture = module.Image(image_format=module.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        faces = network.detect(picture).face_landmarks
        return _largest([np.array([(p.x * width, p.y * height) for p in face]) for face in faces])

    return find


def _open_dlib(module: ModuleType, device: str) -> Callable[[np.ndarray], Points | None]:
    path = dlib_model_path()
    if not path.is_file():
        raise FileNotFoundError(f"its model is missing ({path})")
    detector, predictor = module.get_frontal_face_detector(), module.shape_predictor(str(path))

    def find(image: np.ndarray) -> Points | None:
        faces = [predictor(image, box) for box in detector(image, 1)]
        return _largest([np.array([(p.x, p.y) for p in face.parts()], float) for face in faces])

    return find


_OPENERS = {"face_alignment": _open_face_alignment, "mediapipe": _open_mediapipe, "dlib": _open_dlib}
PACKAGES = tuple(_OPENERS)
"""Names of the packages, in the order in which they are tried."""
