"""A file from Google Drive, by gdown, which knows Drive's confirmation pages; it resumes by itself.

gdown is imported when a Drive source is tried and not before.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import ModuleType

from fommvg_lib.weights.transfer import SourceError


def fetch_drive(is_folder: bool, address: str, name: str, part: Path, show_progress: bool = False) -> None:
    """Bring a file to `part`.

    Args:
        is_folder: the address is that of a folder in which the file lies.
        address: the file's or folder's id.
        name: the file's.
        part: where it goes; what came of it so far is kept in a folder beside it.
        show_progress: show a bar.

    Raises:
        SourceError: if gdown is missing, or Drive does not give the file.
    """
    try:
        import gdown
    except ImportError as error:
        raise SourceError("needs gdown (pip install gdown)") from error
    folder = part.with_name(part.name + "s")  # gdown resumes whatever in a folder begins like the file's name
    folder.mkdir(exist_ok=True)
    target = folder / name
    try:
        file_id = _file_in_folder(gdown, address, name) if is_folder else address
        result = gdown.download(id=file_id, output=str(target), quiet=not show_progress, resume=True)
    except SourceError:
        raise
    except Exception as error:  # gdown's own, those of requests, whatever its parser meets in Drive's pages
        raise SourceError(_what(str(error))) from error
    finally:
        if not any(folder.iterdir()):
            folder.rmdir()
    if result is None or not target.is_file():
        raise SourceError(_what(""))
    os.replace(target, part)
    shutil.rmtree(folder)


def _file_in_folder(gdown: ModuleType, folder: str, name: str) -> str:
    listed = gdown.download_folder(id=folder, skip_download=True, quiet=True) or []
    for item in listed:
        if Path(item.path).name == name:
            return item.id
    names = ", ".join(Path(item.path).name for item in listed[:8]) or "nothing"
    raise SourceError(f"has no {name} (it shows {names})")


def _what(text: str) -> str:
    if "Max retries exceeded" in text:
        return "no connection"
    if "many" in text.lower() or not text:
        return "gives no link: too many fetched the file lately (quota), or it is not public any more"
    return " ".join(text.split())[:100]
