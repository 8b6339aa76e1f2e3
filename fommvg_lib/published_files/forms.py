"""What a file is, by its first bytes; whatever is no torch file is refused by name, with what to do."""

from __future__ import annotations

import re
from pathlib import Path

from fommvg_lib.files import InputError

LEGACY_START = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""How torch's files before 1.6 (2020) begin: a pickle that holds its magic number and nothing else."""

HEAD = 4096

_FOREIGN = (
    (b"\x1f\x8b", "is compressed with gzip: unpack it (gunzip) and import what comes out"),
    (b"BZh", "is compressed with bzip2: unpack it and import what comes out"),
    (b"\xfd7zXZ\x00", "is compressed with xz: unpack it and import what comes out"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it and import the file in it"),
    (b"Rar!", "is a RAR archive: unpack it and import the file in it"),
    (b"\x93NUMPY", "is a NumPy array, no torch file"),
    (b"\x89HDF", "is an HDF5 file, no torch file"),
    (b"version https://git-lfs", "is a Git LFS pointer: the file itself was not fetched (git lfs pull)"),
)


def recognise(path: Path) -> str:
    """Tell a torch file's form.

    Returns:
        "zip" (torch since 1.6) or "legacy" (before).

    Raises:
        InputError: for anything else, in one line that says what it is.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: {_what_folder(path)}")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is no regular file")
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(LEGACY_START):
        return "legacy"
    raise InputError(f"{path}: {_what_foreign(head)}")


def web_page_title(head: bytes) -> str | None:
    """Give the title of a web page from its first bytes ("" without one); None if it is none."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not re.match(rb"<(!doctype|html|head|\?xml|body|script|meta)", text, re.IGNORECASE):
        return None
    found = re.search(rb"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL)
    return " ".join(found.group(1).decode("utf-8", "replace").split())[:80] if found else ""


def _what_folder(path: Path) -> str:
    if (path / "weights.safetensors").is_file():
        return "is a weights folder of ours already: use it as it is"
    if any(path.glob("data.pkl")) or any(path.glob("*/data.pkl")):
        return (
            "is a folder with the insides of a .pth.tar file: such a file is not to be unpacked despite its "
            "name; fetch it anew and import it as it is"
        )
    return "is a folder, a published file was expected"


def _what_foreign(head: bytes) -> str:
    if not head:
        return "is empty: the download failed"
    title = web_page_title(head)
    if title is not None:
        named = f' ("{title}")' if title else ""
        return (
            f"is a web page{named}, no weights: the server answered with a page (login, quota, moved); fetch "
            "it with a browser"
        )
    for start, what in _FOREIGN:
        if head.startswith(start):
            return what
    if head[257:262] == b"ustar":
        return (
            "is a tar archive: published .pth.tar files are none despite their name; unpack it and import "
            "the file in it"
        )
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return "is a safetensors file, no published torch file"
    if head[:1] == b"\x80" and head[1:2] in b"\x01\x02\x03\x04\x05":
        return "is a Python pickle but no torch file: it could run anything and is not read"
    return f"is no torch file (it begins with {head[:8].hex(' ')})"
