"""Pictures: every common kind comes out as the RGB it shows; what is no whole picture is one clear error."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fommvg_lib.files import InputError
from fommvg_lib.video_io import read_image, resize_image, write_image

PORTRAITS = Path(__file__).resolve().parents[2] / "shared" / "clips" / "portraits"
needs_portraits = pytest.mark.skipif(not PORTRAITS.is_dir(), reason="the reference clips are not here")


@pytest.fixture
def picture() -> np.ndarray:
    """A smooth colour picture without symmetry, uint8 (24, 40, 3)."""
    y, x = np.mgrid[0:24, 0:40]
    return np.stack([x * 6, y * 10, (x * y) % 251], axis=-1).astype(np.uint8)


def write_deep_png(path: Path, pixels: np.ndarray, pixel_format: str) -> None:
    """Write a 16-bit PNG, which Pillow cannot."""
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = pixel_format
        frame = av.VideoFrame.from_ndarray(pixels, format=pixel_format)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_png_round_trip_is_exact(tmp_path, picture):
    write_image(tmp_path / "a.png", picture)
    assert np.array_equal(read_image(tmp_path / "a.png"), picture)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_jpg_round_trip_is_close(tmp_path, picture):
    smooth = picture.copy()
    smooth[..., 2] = 90
    write_image(tmp_path / "a.jpg", smooth)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - smooth).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, picture, orientation):
    upright = Image.fromarray(picture)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), picture)


def test_alpha_is_laid_on_white(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 200, 51]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[10, 20, 30], [255, 255, 255], [204, 224, 244]]]


def test_grey_with_alpha_is_laid_on_white(tmp_path):
    Image.fromarray(np.array([[[0, 255], [0, 0], [100, 255]]], np.uint8), mode="LA").save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255, 100]


def test_palette_with_transparency_is_laid_on_white(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "a.png", transparency=1)
    assert read_image(tmp_path / "a.png").tolist() == [[[255, 0, 0], [255, 255, 255], [0, 0, 255]]]


def test_grey_becomes_three_equal_channels(tmp_path, picture):
    Image.fromarray(picture[..., 0]).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), picture[..., :1].repeat(3, -1))


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    deep = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


@pytest.mark.parametrize(("pixel_format", "channels"), [("rgb48be", 3), ("rgba64be", 4)])
def test_16_bit_colour_is_scaled_and_rounded(tmp_path, pixel_format, channels):
    values = np.random.default_rng(0).integers(0, 65536, (8, 16, channels)).astype(np.uint16)
    write_deep_png(tmp_path / "a.png", values, pixel_format)
    alpha = values[..., 3:] / 65535 if channels == 4 else 1.0
    expected = (values[..., :3] / 65535 * alpha + (1 - alpha)) * 255
    assert np.abs(read_image(tmp_path / "a.png") - expected).max() <= 0.501


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - [255, 0, 0]).max() < 6


def test_size_is_checked_before_decoding(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (50, 50)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = (100_000).to_bytes(4) * 2  # declared width and height; ten thousand million pixels
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(InputError, match=r"bomb.png: declares .*limit"):
        read_image(tmp_path / "bomb.png")
    Image.new("RGB", (50, 50)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="50 x 50 pixels, the limit is 2499"):
        read_image(tmp_path / "a.png", max_pixels=2499)
    assert read_image(tmp_path / "a.png", max_pixels=2500).shape == (50, 50, 3)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp", "tiff"])
def test_truncated_picture_is_an_error(tmp_path, ending):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{ending}")
    data = (tmp_path / f"whole.{ending}").read_bytes()
    (tmp_path / f"cut.{ending}").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=f"cut.{ending}: "):
        read_image(tmp_path / f"cut.{ending}")


def test_what_is_no_picture_is_an_error(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("good morning\n" * 50)
    (tmp_path / "page.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name, reason in (
        ("empty.png", "empty"),
        ("text.jpg", "no picture"),
        ("page.eps", "no picture"),
        ("none.png", "no such file"),
        ("", "folder"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_animation_is_no_picture(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="animated"):
        read_image(tmp_path / "a.gif")


def test_failed_write_leaves_nothing(tmp_path, picture):
    with pytest.raises(ValueError, match="uint8"):
        write_image(tmp_path / "a.png", picture.astype(np.float32))
    with pytest.raises(InputError, match=".png or .jpg"):
        write_image(tmp_path / "a.xyz", picture)
    assert list(tmp_path.iterdir()) == []


def test_resizing_down_does_not_alias(picture):
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 254
    assert np.abs(resize_image(stripes, (32, 32))[4:-4, 4:-4].astype(int) - 127).max() <= 3
    assert resize_image(picture, (5, 7)).shape == (5, 7, 3)
    assert resize_image(picture, picture.shape[:2]) is picture


@needs_portraits
def test_real_files_of_one_painting_agree():
    reference = read_image(PORTRAITS / "pearl_earring.png").astype(int)
    assert np.array_equal(read_image(PORTRAITS / "test_rgb16.png"), reference)
    assert np.abs(read_image(PORTRAITS / "test_cmyk.jpg") - reference).mean() < 12
    assert read_image(PORTRAITS / "test_exif6.jpg").shape == (512, 432, 3)
    grey = read_image(PORTRAITS / "test_grey8.png").astype(int)
    assert np.abs(read_image(PORTRAITS / "test_grey16.png") - grey).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16"])
def test_a_large_picture_is_read_without_many_copies_of_it(tmp_path, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (1600, 1200, 4), np.uint8)
    shown = {"RGB": pixels[..., :3], "RGBA": pixels, "I;16": pixels[..., 0].astype(np.uint16) * 257}[mode]
    Image.fromarray(shown).save(tmp_path / "large.png", compress_level=1)
    tracemalloc.start()
    read = read_image(tmp_path / "large.png")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 13 * 1600 * 1200  # floats of all four channels alone would be 16
    colour, alpha = pixels[..., :3].astype(np.float32), pixels[..., 3:].astype(np.float32) / 255
    wanted = {"RGB": colour, "RGBA": colour * alpha + 255 * (1 - alpha), "I;16": colour[..., :1]}[mode]
    assert np.abs(read - wanted).max() <= 0.51 and read.flags.writeable
