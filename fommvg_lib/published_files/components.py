"""The published principal components: a dict of arrays inside a 0-d object array in an `.npy` file.

NumPy can only unpickle such a file, so it is read here as what its pickle says: two kinds of record, an array
and its number format, are turned into arrays of plain numbers; nothing else may occur.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from fommvg_lib.files import InputError
from fommvg_lib.published_files.plain_pickle import Call, Refused, read_plain

MAX_BYTES = 16 * 2**20
_REBUILD = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_ALLOWED = (*_REBUILD, "numpy.ndarray", "numpy.dtype")
_FORMATS = ("f4", "f8", "i4", "i8")


def read_components(path: str | Path) -> dict[str, np.ndarray]:
    """Read the published components without unpickling.

    Returns:
        `comp` (C, D), `stdev` (C,) and whatever other arrays of numbers the file names.

    Raises:
        InputError: in one line, if it is anything else.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Refused(f"has more than {MAX_BYTES // 2**20} MB, the published file has 25 kB")
        with path.open("rb") as stream:
            version = npy.read_magic(stream)
            header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = header(stream)
            if shape != () or not dtype.hasobject:
                raise Refused("holds plain numbers, not the published dict of components")
            holder = _array_parts(read_plain(stream, _ALLOWED))
        match holder:
            case ((), "O8", _, [dict(named)]):
                arrays = {str(name): _array(value) for name, value in named.items()}
            case _:
                raise Refused("holds no dict of arrays")
        if not {"comp", "stdev"} <= arrays.keys() or arrays["comp"].ndim != 2:
            raise Refused("names no comp and stdev")
        if arrays["stdev"].shape != arrays["comp"].shape[:1]:
            raise Refused("the sizes of its arrays disagree")
        return arrays
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # Refused is one
        raise InputError(f"{path}: no published components: {' '.join(str(error).split())}") from error


def _array_parts(record: Any) -> tuple[tuple, str, bool, Any]:
    """Give shape, number format, whether columns come first, and content of a pickled array."""
    match record:
        case Call(state=(int(), tuple(shape), Call() as numbers, bool(fortran), content)):
            names = str(record.function) in _REBUILD, str(numbers.function) == "numpy.dtype"
        case _:
            raise Refused("holds something that is no array")
    if not all(names):
        raise Refused("holds an array in a form that the published file has not")
    match numbers:
        case Call(arguments=(str(kind), *_), state=(int(), "<" | "|", *_)):
            return shape, kind, fortran, content
    raise Refused("holds numbers of another byte order or of no format")


def _array(record: Any) -> np.ndarray:
    shape, kind, fortran, content = _array_parts(record)
    if kind not in _FORMATS or not isinstance(content, bytes):
        raise Refused("holds an array of something else than numbers")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise Refused("holds an array of no shape")
    return np.frombuffer(content, dtype=f"<{kind}").reshape(shape, order="F" if fortran else "C").copy()
