"""What else gets saved as weights, each named in one line; torch's own forms are told apart."""

from __future__ import annotations

import gzip
import os
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fommvg_lib.files import InputError
from fommvg_lib.published_files import read_checkpoint
from fommvg_lib.published_files.forms import recognise, web_page_title

ENTRIES = {"generator": {"weight": torch.arange(6.0).view(2, 3)}, "epoch": 7}
QUOTA = (
    b"""<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body></body></html>"""
)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.pth.tar"
    torch.save(ENTRIES, path)
    return path


def told(path):
    with pytest.raises(InputError) as caught:
        read_checkpoint(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize("is_zip", [True, False])
def test_both_forms_of_torch_are_read_alike(tmp_path, is_zip):
    path = tmp_path / "model.pth.tar"
    torch.save(ENTRIES, path, _use_new_zipfile_serialization=is_zip)
    assert recognise(path) == ("zip" if is_zip else "legacy")
    published = read_checkpoint(path)
    assert torch.equal(published.part("generator")["weight"], ENTRIES["generator"]["weight"])
    assert published.number("epoch") == 7 and published.number("none") is None


@pytest.mark.parametrize("is_zip", [True, False])
def test_tensors_tagged_for_a_gpu_come_to_the_cpu(tmp_path, monkeypatch, is_zip):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    path = tmp_path / "model.pth.tar"
    torch.save(ENTRIES, path, _use_new_zipfile_serialization=is_zip)
    assert b"cuda:0" in path.read_bytes()
    assert read_checkpoint(path).part("generator")["weight"].device.type == "cpu"


def test_the_prefix_of_several_gpus_is_taken_off(tmp_path):
    path = tmp_path / "model.pth.tar"
    torch.save({"generator": {"module.weight": torch.ones(1), "module.module.bias": torch.ones(1)}}, path)
    assert list(read_checkpoint(path).part("generator")) == ["weight", "module.bias"]


def test_half_precision_comes_as_float32(tmp_path):
    path = tmp_path / "model.pth.tar"
    torch.save({"generator": {"weight": torch.ones(2).half(), "count": torch.tensor(3)}}, path)
    part = read_checkpoint(path).part("generator")
    assert part["weight"].dtype == torch.float32 and part["count"].dtype == torch.int64


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "model.pth.tar"
    torch.save({"generator": {"weight": torch.tensor([1.0, float("nan")])}}, path)
    with pytest.raises(InputError, match="generator.weight holds numbers that are not finite"):
        read_checkpoint(path).part("generator")


def test_a_missing_file_is_told(tmp_path):
    assert told(tmp_path / "none.pth.tar") == "no such file"
    assert "cannot be read" in told(tmp_path / ("x" * 300))


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert told(tmp_path / "pipe") == "is no regular file"


def test_an_empty_file_is_told(tmp_path):
    (tmp_path / "a").touch()
    assert "empty" in told(tmp_path / "a")


@pytest.mark.parametrize("page", [QUOTA, b"\xef\xbb\xbf\n  " + QUOTA.lower(), b"<html>login</html>"])
def test_a_web_page_is_told(tmp_path, page):
    (tmp_path / "a").write_bytes(page)
    assert "is a web page" in told(tmp_path / "a")


def test_a_web_pages_title_is_told(tmp_path):
    (tmp_path / "a").write_bytes(QUOTA)
    assert '("Google Drive - Quota exceeded")' in told(tmp_path / "a")
    assert web_page_title(b"PK\x03\x04") is None


def test_an_unpacked_checkpoint_is_told(tmp_path, good):
    with zipfile.ZipFile(good) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert "not to be unpacked" in told(tmp_path / "unpacked")
    assert "not to be unpacked" in told(next((tmp_path / "unpacked").iterdir()))


def test_other_folders_are_told(tmp_path):
    (tmp_path / "ours").mkdir()
    save_file({"a": torch.ones(1)}, tmp_path / "ours" / "weights.safetensors")
    assert "a weights folder of ours already" in told(tmp_path / "ours")
    (tmp_path / "other").mkdir()
    assert "is a folder" in told(tmp_path / "other")


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_truncated_file_is_told(tmp_path, is_zip, kept):
    path = tmp_path / "cut.pth.tar"
    torch.save({"generator": {"weight": torch.rand(2000)}}, path, _use_new_zipfile_serialization=is_zip)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    assert "cut off" in told(path) or "damaged" in told(path)


@pytest.mark.parametrize("kept", range(15, 400, 23))
def test_a_legacy_file_cut_anywhere_is_told(tmp_path, kept):
    path = tmp_path / "cut.pth.tar"
    torch.save(ENTRIES, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    assert kept < len(data)
    path.write_bytes(data[:kept])
    told(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "model.pth.tar"
    torch.save({"generator": {"weight": torch.zeros(1000)}}, path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert "checksum" in told(path)


def test_a_gzip_is_told(tmp_path, good):
    (tmp_path / "a.gz").write_bytes(gzip.compress(good.read_bytes()))
    assert "gzip" in told(tmp_path / "a.gz")


def test_a_tar_is_told(tmp_path, good):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(good, "good.pth.tar")
    assert "is a tar archive" in told(tmp_path / "a.tar")


def test_a_zip_around_a_checkpoint_is_told(tmp_path, good):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(good, "vox/good.pth.tar")
    assert "a zip archive that holds vox/good.pth.tar" in told(tmp_path / "a.zip")


def test_a_zip_of_anything_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "no torch file" in told(tmp_path / "a.zip")


def test_a_torchscript_program_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"a/{name}", b"\x80\x02}.")
    assert "TorchScript" in told(tmp_path / "a.pt")


def test_arrays_safetensors_and_pointers_are_told(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    assert "NumPy" in told(tmp_path / "a.npy")
    save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors")
    assert "safetensors" in told(tmp_path / "a.safetensors")
    (tmp_path / "a.pth").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert "Git LFS pointer" in told(tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(b"\x00\x01\x02\x03 nothing known")
    assert "00 01 02 03" in told(tmp_path / "b.pth")


def test_a_list_is_no_checkpoint(tmp_path):
    torch.save([torch.ones(1)], tmp_path / "a.pth")
    assert "no dict of parts" in told(tmp_path / "a.pth")


def test_a_safetensors_ending_does_not_change_what_is_read(tmp_path):
    torch.save(ENTRIES, tmp_path / "a.safetensors")
    with pytest.raises(InputError):
        read_checkpoint(tmp_path / "a.safetensors")
