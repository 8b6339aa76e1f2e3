"""Which weights a notebook works with: a frame generator (named, published or shipped), motion that fits it.

Profile `colab` takes published weights that know faces. They lie on other people's servers: where none of
them answers the notebook goes on with weights that are there, and a box says so, with the way by hand.
"""

from __future__ import annotations

from pathlib import Path

from fommvg_lib.checkpoints import read_description
from fommvg_lib.course_data import Found, weights_for_pictures
from fommvg_lib.files import InputError, RunError
from fommvg_lib.visualize import has_front_end, show_notice
from fommvg_lib.weights import find_weights
from fommvg_lib.weights.registry import find_entry, read_registry

PUBLISHED = "tpsmm-vox"
"""The registry's name of the weights that profile `colab` works with."""
RUN = "run"
"""What `WEIGHTS` says for the frame generator that notebook 02 trained."""


def frame_weights(profile: str, weights: str | Path | None = None, run: str | Path | None = None) -> Found:
    """Choose a notebook's frame generator.

    Only profile `colab`, and weights of the registry that are asked for by name, use the network.

    Args:
        profile: of the notebook.
        weights: its parameter WEIGHTS: a folder, a name of shipped, cached or published weights, or "run" for
            those in `run`; None: the published ones in profile `colab`, else the shipped ones or `run`'s.
        run: the folder of notebook 02's training run, whether there is one or not.

    Raises:
        InputError: if the weights that were named are not there or not usable.
        RunError: if published weights that were named could not be fetched.
    """
    if weights is not None:
        return _named(str(weights), run)
    if profile != "colab":
        return weights_for_pictures(profile, "fomm", run)
    try:
        return _published(PUBLISHED)
    except (RunError, InputError) as error:
        instead = weights_for_pictures(profile, "fomm", run)
        _say_what_is_missing(PUBLISHED, error, instead)
        reason = "could not be fetched" if isinstance(error, RunError) else "its file cannot be used"
        return Found(instead.path, f"{instead.note}; the published {PUBLISHED} {reason}")


def motion_weights(
    profile: str, kind: str, frame_generator_hash: str, run: str | Path | None = None
) -> tuple[Path | None, str]:
    """Choose motion weights that learned the motion of a notebook's frame generator.

    Args:
        profile: of the notebook.
        kind: "vp", "fi", "flow", "wgan" or "ar".
        frame_generator_hash: of the frame generator in use.
        run: the folder of a training run; None if no notebook trains this kind.

    Returns:
        The weights' folder, None where neither the run nor the shipped weights fit; and a note of which.

    Raises:
        InputError: if the shipped weights are missing.
    """
    found = weights_for_pictures(profile, kind, run)
    if read_description(found.path)["info"].get("frame_generator_hash") == frame_generator_hash:
        return found.path, found.note
    return None, f"{kind}: left out, they learned another frame generator's motion ({found.note})"


def _named(name: str, run: str | Path | None) -> Found:
    if name in read_registry():
        return _published(name)
    if name == RUN and run is not None:
        if not (Path(run) / "config.json").is_file():
            raise InputError(f"{run}: WEIGHTS = {RUN!r} asks for notebook 02's run, which is not there")
        return Found(Path(run), _note(run, "of the run of notebook 02"))
    folder = find_weights(name)
    return Found(folder, _note(folder, f"{folder.name}, as WEIGHTS says"))


def _published(name: str) -> Found:
    from fommvg_lib.importing import fetch_weights  # what it needs is only there where files can be locked

    fetched = fetch_weights(name, show_progress=has_front_end())
    how = "fetched" if fetched.is_new else "fetched earlier"
    return Found(fetched.folder, _note(fetched.folder, f"the published {name} ({how})"))


def _note(folder: str | Path, what: str) -> str:
    return f"{read_description(folder)['kind']} weights: {what}"


def _say_what_is_missing(name: str, error: Exception, instead: Found) -> None:
    """Show a box: what is missing, why, where to put it, and what is taken instead."""
    from IPython.display import display

    from fommvg_lib.weights.fetching import place_of

    entry = find_entry(name)
    lines = {
        "missing": f"{name}, {entry.what} ({entry.size} px, licence {entry.licence})",
        "why": "; ".join(getattr(error, "reasons", ())) or str(error),
        "by hand": f"fetch {entry.file.name} with a browser from {entry.file.page}, put it at "
        f"{place_of(entry, entry.file)}, and run this cell again",
        "instead": instead.note,
    }
    display(show_notice(f"The published weights {name} are missing", lines))
