"""The table of published weights, `registry.toml`: names, sources, hashes."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from fommvg_lib.files import InputError

TABLE = Path(__file__).with_name("registry.toml")

HELPER_KINDS = ("face-detector", "face-landmarks", "image-features", "video-features")
"""Kinds of entries whose files are used as they are: no weights to be imported."""


@dataclass(frozen=True)
class PublishedFile:
    """A file that can be fetched.

    Attributes:
        name: as published.
        page: where a browser finds it.
        sources: addresses, tried in order; see `registry.toml`.
        num_bytes: its exact size, if known.
        sha256: of its bytes, if known.
        md5: of its bytes, if known.
    """

    name: str
    page: str
    sources: tuple[str, ...]
    num_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None

    def difference(self, path: Path) -> str | None:
        """Say how a file differs from what is known of this one; None if it does not.

        The size is compared first: it tells a broken download without reading it.
        """
        size = path.stat().st_size
        if self.num_bytes is not None and size != self.num_bytes:
            return f"has {size} bytes instead of {self.num_bytes}"
        for kind, wanted in (("sha256", self.sha256), ("md5", self.md5)):
            if wanted is not None:
                with path.open("rb") as stream:
                    found = hashlib.file_digest(stream, kind).hexdigest()
                if found != wanted:
                    return f"has {kind} {found[:12]} instead of {wanted[:12]}"
        return None


@dataclass(frozen=True)
class Entry:
    """Weights of the registry.

    Attributes:
        name: by which they are fetched and found.
        kind: of weights: fomm, tpsmm, vp, fi; or one of `HELPER_KINDS`.
        what: what they were trained for.
        licence: of the publisher.
        file: the checkpoint.
        size: trained frame side in pixels; None for motion generators.
        config: the published config they were trained with; None where there is none.
        components: VP's principal components, a file of their own.
    """

    name: str
    kind: str
    what: str
    licence: str
    file: PublishedFile
    size: int | None = None
    config: str | None = None
    components: PublishedFile | None = None


def read_registry() -> dict[str, Entry]:
    """Read the table, in its order."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: _entry(name, values) for name, values in table.items()}


def find_entry(name: str) -> Entry:
    """Give an entry by name.

    Raises:
        InputError: if there is none, with the names that there are.
    """
    entries = read_registry()
    if name not in entries:
        raise InputError(f"{name}: no published weights of that name (there are {', '.join(entries)})")
    return entries[name]


def _entry(name: str, values: dict) -> Entry:
    files = {key: _file(values[key]) for key in ("file", "components") if key in values}
    return Entry(name=name, **{**values, **files})


def _file(values: dict) -> PublishedFile:
    renamed = {("num_bytes" if key == "bytes" else key): value for key, value in values.items()}
    return PublishedFile(**{**renamed, "sources": tuple(values["sources"])})
