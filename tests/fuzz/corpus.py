"""Small whole files of every kind that the library reads, to be damaged, and the readers they are for."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

from fommvg_lib.clip_pairs import read_pairs
from fommvg_lib.clips import ClipFolder
from fommvg_lib.clips.packed import FRAMES, INDEX
from fommvg_lib.clips.packing import pack_clips
from fommvg_lib.clips.reading import StripReader
from fommvg_lib.config.published_yaml import fomm_config_from_yaml
from fommvg_lib.files import InputError
from fommvg_lib.motion_files import load_motion, save_motion
from fommvg_lib.motion_npy import export_vectors_npy, import_vectors_npy
from fommvg_lib.motion_shards import merge_shards
from fommvg_lib.pca import ResidualPCA, fit_residual_pca
from fommvg_lib.preparation.example import parse_example
from fommvg_lib.preparation.published_boxes import read_table
from fommvg_lib.preparation.tfrecord import masked_crc32c, read_records
from fommvg_lib.video_io import FrameReader, probe, read_frames, read_image, write_video
from tests.motion_cases import wandering, wandering_clips

SIDE, NUM_FRAMES = 32, 8
YAML = """
dataset_params: {root_dir: data, frame_shape: [128, 128, 3], id_sampling: true,
  augmentation_params: {flip_param: {horizontal_flip: true, time_flip: true}, jitter_param: {hue: 0.1}}}
model_params:
  common_params: {num_kp: 10, num_channels: 3, estimate_jacobian: true}
  kp_detector_params: {temperature: 0.1, block_expansion: 32, max_features: 1024, scale_factor: 0.25,
    num_blocks: 5}
train_params: {num_epochs: 100, num_repeats: 75, epoch_milestones: [60, 90], batch_size: 8}
"""


BOXES = """video_id,start,end,bbox,fps,width,height,partition
abc,0,64,10-20-110-140,25.0,640,360,train
def,100,164,0-0-256-256,29.97,1280,720,test
"""


def picture(number: int = 0) -> np.ndarray:
    """Draw a smooth picture, uint8 (32, 32, 3)."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return np.stack([x * 7 % 256, (y * 5 + 9 * number) % 256, (x * y + number) % 251], -1).astype(np.uint8)


def frames() -> list[np.ndarray]:
    """Give a short clip."""
    return [picture(number) for number in range(NUM_FRAMES)]


def _encode(path: Path, codec: str, options: dict[str, str] | None = None) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height = stream.width = SIDE
        stream.pix_fmt = "yuv420p"
        for pixels in frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def _saved(kind: str, mode: str = "RGB", **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture()).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def _deep_png(path: Path) -> bytes:
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.height = stream.width = SIDE
        stream.pix_fmt = "rgb48be"
        deep = picture().astype(np.uint16) * 257
        container.mux(stream.encode(av.VideoFrame.from_ndarray(deep, format="rgb48be")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def video_seeds(folder: Path) -> dict[str, bytes]:
    """Give whole video files by name."""
    write_video(folder / "v.gif", frames(), 20)
    return {
        "h264.mp4": _encode(folder / "a.mp4", "libx264", {"g": "4"}),
        "fast.mp4": _encode(folder / "b.mp4", "libx264", {"bf": "0"}),
        "mpeg4.mov": _encode(folder / "a.mov", "mpeg4"),
        "mpeg4.avi": _encode(folder / "a.avi", "mpeg4"),
        "mjpeg.avi": _encode_mjpeg(folder / "b.avi"),
        "vp8.webm": _encode(folder / "a.webm", "libvpx"),
        "h264.mkv": _encode(folder / "a.mkv", "libx264"),
        "mpeg1.mpg": _encode(folder / "a.mpg", "mpeg1video"),
        "anim.gif": (folder / "v.gif").read_bytes(),
    }


def _encode_mjpeg(path: Path) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = SIDE, SIDE, "yuvj420p"
        for pixels in frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def image_seeds(folder: Path) -> dict[str, bytes]:
    """Give whole pictures by name."""
    return {
        "rgb.png": _saved("PNG"),
        "alpha.png": _saved("PNG", "RGBA"),
        "palette.png": _saved("PNG", "P"),
        "deep.png": _deep_png(folder / "deep.png"),
        "rgb.jpg": _saved("JPEG"),
        "progressive.jpg": _saved("JPEG", progressive=True),
        "cmyk.jpg": _saved("JPEG", "CMYK"),
        "rgb.bmp": _saved("BMP"),
        "rgb.webp": _saved("WEBP"),
        "rgb.tif": _saved("TIFF", compression="tiff_lzw"),
        "rgb.ppm": _saved("PPM"),
        "one.gif": _saved("GIF", "P"),
    }


def motion_seeds(folder: Path) -> dict[str, bytes]:
    """Give motion files by name."""
    for name, clip in zip(
        ("a", "b"), (wandering_clips(1, 9)[0], wandering_clips(1, 5, 3, False)[0]), strict=True
    ):
        save_motion(folder / f"{name}.safetensors", clip)
    export_vectors_npy(folder / "v.npy", wandering(6, has_jacobian=False))
    fit_residual_pca([wandering(9).vectors().double().numpy()], 3).save(folder / "pca.safetensors")
    names = ("a.safetensors", "b.safetensors", "v.npy", "pca.safetensors")
    return {name: (folder / name).read_bytes() for name in names}


def strip_seeds() -> dict[str, bytes]:
    """Give pictures of frames side by side, and pictures of a folder of frames, by name."""
    strip = Image.fromarray(np.concatenate(frames()[:4], axis=1))
    made = {}
    for name, kind in (("strip.png", "PNG"), ("strip.jpg", "JPEG")):
        stream = io.BytesIO()
        strip.save(stream, kind)
        made[name] = stream.getvalue()
    return made


def _field(number: int, content: bytes) -> bytes:
    """Write a field of a protocol buffer that is as long as its content says, below 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def _example() -> bytes:
    """Write a tf.train.Example of three features: bytes, floats, whole numbers."""
    lists = {b"image": _field(1, _field(1, b"pixels")), b"state": _field(2, _field(1, bytes(12))),
             b"frame": _field(3, _field(1, bytes([1, 2, 255, 1])))}  # fmt: skip
    return _field(1, b"".join(_field(1, _field(1, name) + _field(2, one)) for name, one in lists.items()))


def record_seeds() -> dict[str, bytes]:
    """Give TFRecord files by name."""
    payload = _example()
    head = struct.pack("<Q", len(payload))
    parts = (head, struct.pack("<I", masked_crc32c(head)), payload, struct.pack("<I", masked_crc32c(payload)))
    return {"two.tfrecord": 2 * b"".join(parts)}


def _read_records(path: Path, number: int) -> None:
    for payload in read_records(path):
        parse_example(payload)


def _read_example(path: Path, number: int) -> None:
    try:
        parse_example(path.read_bytes())
    except ValueError as error:  # what this function documents; its callers name the file
        raise InputError(" ".join(str(error).split())) from error


def _read_video(path: Path, number: int) -> None:
    probe(path)
    for _ in read_frames(path, threads=1 + number % 2):
        pass
    with FrameReader(path) as reader:
        reader.frames([len(reader) - 1, 0, len(reader) // 2], (16, 16))


def _read_strip(path: Path, number: int) -> None:
    clips = ClipFolder(path.parent, "all", 16)
    clips.frames(0, np.arange(clips.num_frames(0)))
    StripReader(path)


def _read_npy(path: Path, number: int) -> None:
    motion = import_vectors_npy(path)
    torch.isfinite(motion.value)


def _read_pack(path: Path, number: int) -> None:
    clips = ClipFolder(path.parent, ("all", "train", "test")[number % 3])
    clips.frames(len(clips) - 1, [0])


def _read_shard(path: Path, number: int) -> None:
    merge_shards([path.parent], path.parent / "joined")


READERS: dict[str, Callable[[Path, int], None]] = {
    "video": _read_video,
    "image": lambda path, number: read_image(path),
    "strip": _read_strip,
    "motion": lambda path, number: load_motion(path),
    "npy": _read_npy,
    "pca": lambda path, number: ResidualPCA.load(path),
    "yaml": lambda path, number: fomm_config_from_yaml(path),
    "pairs": lambda path, number: read_pairs(path, ["a", "b#0", "c"]),
    "pack": _read_pack,
    "record": _read_records,
    "example": _read_example,
    "boxes": lambda path, number: read_table(path),
    "shard": _read_shard,
}


def make_corpus(folder: Path) -> dict[str, dict[str, bytes]]:
    """Make the whole files of each reader, by reader and name; `folder` is scratch room."""
    folder.mkdir(parents=True, exist_ok=True)
    motion = motion_seeds(folder)
    (folder / "clips").mkdir(exist_ok=True)
    for part in ("train", "test"):
        write_video(folder / "clips" / part / f"{part}.mp4", frames()[:2], 25)
    index, _ = pack_clips(folder / "clips", folder / "pack", 8)
    record = {
        "index": 0,
        "count": 1,
        "num_clips": 1,
        "weights_hash": "w",
        "files": {},
        "rejected": {"a": "torn"},
    }
    return {
        "video": video_seeds(folder),
        "image": image_seeds(folder),
        "strip": strip_seeds(),
        "motion": {name: motion[name] for name in ("a.safetensors", "b.safetensors")},
        "npy": {"v.npy": motion["v.npy"]},
        "pca": {"pca.safetensors": motion["pca.safetensors"]},
        "yaml": {"config.yaml": YAML.encode()},
        "pairs": {"pairs.csv": b"distance,source,driving,frame\n0.5,a.mp4,b#0.mp4,0\n1,c,a,12\n"},
        "pack": {
            INDEX: (folder / "pack" / INDEX).read_bytes(),
            FRAMES: (folder / "pack" / FRAMES).read_bytes(),
        },
        "record": record_seeds(),
        "example": {"one.example": _example()},
        "boxes": {"boxes.csv": BOXES.encode()},
        "shard": {"shard-0-of-1.json": json.dumps(record).encode()},
    }
