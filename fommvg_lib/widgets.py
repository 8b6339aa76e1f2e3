"""The optional panel of notebook 00: bring your own files, choose options, press the button, see the video.

It needs a person in front of a browser. Run headless (papermill, nbval) it is one printed line, and it never
computes by itself: only its button does. Works with ipywidgets 7 (Colab) and 8, which hold uploads
differently.
"""

from __future__ import annotations

import html
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fommvg_lib.config.animate import MOTION_MODES
from fommvg_lib.crop import MODES, CropBox, apply_crop, find_crop
from fommvg_lib.driving import DrivingVideo
from fommvg_lib.files import InputError, atomic_path
from fommvg_lib.frame_generator.interface import FrameGenerator
from fommvg_lib.generate import AnimateOptions, animate, check_mode
from fommvg_lib.video_io import read_image, resize_image, write_video
from fommvg_lib.visualize.show import has_front_end, video_html

CONSENT = "Real people: only with their consent, and say that the video is synthetic."


def animate_files(
    model: FrameGenerator,
    source: str | Path,
    driving: str | Path,
    out: str | Path,
    options: AnimateOptions | None = None,
    crop: str | CropBox = "face",
) -> list[str]:
    """Animate a picture file by a video file and write source | driving | result, with the driver's sound.

    Args:
        model: the frame generator.
        source: the picture.
        driving: a video, gif or folder of frames; read as a stream, three times.
        out: the clip to write, .mp4, .webm or .gif.
        options: see `AnimateOptions`.
        crop: applied to both, as `find_crop` takes it.

    Returns:
        Notes about what is not as was asked for (no face found, an option without effect); usually none.

    Raises:
        InputError: if a file cannot be read or written.
        ValueError: for options that do not fit the files (a reference frame beyond the driver's end).
    """
    options = options or AnimateOptions()
    check_mode(model, options)
    driver = DrivingVideo(driving, model.size, crop)
    picture = read_image(source)
    box, note = find_crop(picture, crop)
    image = resize_image(apply_crop(picture, box), (model.size, model.size))
    result = animate(model, image, driver.frames(), options, driver.fps)
    joined = (np.concatenate([image, *pair], axis=1) for pair in zip(driver.frames(), result, strict=True))
    write_video(out, joined, driver.fps, audio=driving if driver.has_audio else None)
    notes = ((source, note), (driving, driver.remark))
    said = [f"{Path(path).name}: {text}" for path, text in notes if text]
    return [*said, options.remark] if options.remark else said


def uploaded_file(value: Any, folder: str | Path) -> Path | None:
    """Write what was uploaded last into a folder.

    Args:
        value: of a `FileUpload`: in ipywidgets 7 a dict of {name: {"content": bytes, ...}}, in 8 a tuple of
            mappings with `name` and `content` (a memoryview).
        folder: where it goes, under its own name without any folder.

    Returns:
        The file, or None if nothing was uploaded.

    Raises:
        InputError: if it is empty, has no usable name or cannot be written.
    """
    if not value:
        return None
    if isinstance(value, Mapping):
        given, entry = list(value.items())[-1]
    else:
        entry = value[-1]
        given = entry["name"]
    name = str(given).replace("\\", "/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise InputError(f"the upload {given!r} has no file name")
    content = bytes(entry["content"])
    if not content:
        raise InputError(f"{name}: the upload is empty")
    with atomic_path(Path(folder) / name) as temporary:
        temporary.write_bytes(content)
    return Path(folder) / name


@dataclass(frozen=True)
class Controls:
    """The panel's widgets by their meaning; `box` is what is shown."""

    source: Any
    driving: Any
    mode: Any
    crop: Any
    adapt_scale: Any
    best_frame: Any
    gain: Any
    button: Any
    shown: Any
    box: Any

    def options(self) -> AnimateOptions:
        """Give the options as they are set now."""
        best_frame = "auto" if self.best_frame.value else 0
        return AnimateOptions(self.mode.value, self.adapt_scale.value, best_frame, self.gain.value)


def upload_panel(
    model: FrameGenerator,
    out: str | Path,
    source: str | Path,
    driving: str | Path,
    crop: str | CropBox = "face",
) -> Any:
    """Make the panel, or say in one line why there is none.

    Args:
        model: the frame generator.
        out: a folder for uploads and for the videos made from them.
        source: the picture used as long as none is uploaded.
        driving: likewise the video.
        crop: how these two are cut; for uploads the panel asks.

    Returns:
        A widget; as a cell's last expression it is shown. None without ipywidgets or without a front end.
    """
    if not has_front_end():
        print("upload panel: left out, because this notebook runs without a front end")
        return None
    try:
        widgets = importlib.import_module("ipywidgets")
    except ImportError:
        print("upload panel: left out, because ipywidgets is not installed (pip install ipywidgets)")
        return None
    modes = [mode for mode in MOTION_MODES if mode != "avd" or model.can_disentangle]
    controls = _make_controls(widgets, modes)

    def on_click(_: Any) -> None:
        controls.button.disabled = True
        controls.shown.value = "<p>working ...</p>"
        try:
            controls.shown.value = _run(model, controls, Path(out), (Path(source), Path(driving)), crop)
        except (InputError, ValueError) as error:
            controls.shown.value = f"<p>{html.escape(str(error))}</p>"
        finally:
            controls.button.disabled = False

    controls.button.on_click(on_click)
    return controls.box


def _make_controls(widgets: Any, modes: list[str]) -> Controls:
    source = widgets.FileUpload(accept="image/*", multiple=False, description="portrait")
    driving = widgets.FileUpload(accept="video/*,.gif,.mkv", multiple=False, description="video")
    mode = widgets.Dropdown(options=modes, description="motion")
    crop = widgets.Dropdown(options=list(MODES), description="crop")
    adapt_scale = widgets.Checkbox(value=True, description="adapt scale")
    best_frame = widgets.Checkbox(value=False, description="closest frame as reference")
    gain = widgets.FloatSlider(value=1.0, min=0.0, max=2.0, step=0.1, description="gain")
    button = widgets.Button(description="Animate", button_style="primary")
    shown = widgets.HTML()
    rows = ([source, driving], [mode, crop], [adapt_scale, best_frame], [gain, button])
    box = widgets.VBox([*(widgets.HBox(row) for row in rows), widgets.HTML(CONSENT), shown])
    return Controls(source, driving, mode, crop, adapt_scale, best_frame, gain, button, shown, box)


def _run(
    model: FrameGenerator, controls: Controls, out: Path, defaults: tuple[Path, Path], crop: str | CropBox
) -> str:
    """Do what the button promises; gives the HTML to show."""
    uploads = [uploaded_file(w.value, out / "uploads") for w in (controls.source, controls.driving)]
    source, driving = (given or default for given, default in zip(uploads, defaults, strict=True))
    # The notebook's own pair has its own crop; as soon as a file is the user's, so is the choice.
    chosen = controls.crop.value if any(uploads) else crop
    target = out / f"{source.stem} moved by {driving.stem}.mp4"
    notes = animate_files(model, source, driving, target, controls.options(), chosen)
    lines = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    return lines + video_html(target, caption=f"saved as {target.name}: portrait, driving video, result")
