"""Published FRGAN files: the generator's own names and shapes, sizes read off the tensors."""

from __future__ import annotations

import json

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.frgan import ForecastConfig, StructureConfig
from fommvg_lib.files import InputError
from fommvg_lib.importing import import_weights
from fommvg_lib.importing.frgan import read_sizes
from fommvg_lib.pixel_baseline.frgan.forecast import ForecastGenerator
from fommvg_lib.pixel_baseline.frgan.model import Frgan
from tests.importing.published import LAYOUTS

SMALL = ForecastConfig(code_dim=8, min_width=4, max_width=16)


def published_file(path, size: int = 16, **changes):
    """A checkpoint as the release writes it: from several GPUs, with optimisers."""
    torch.manual_seed(1)
    state = {f"module.{name}": t for name, t in ForecastGenerator(SMALL, 3, 3, size).state_dict().items()}
    entries = {
        "epoch": 7, "gen_state_dict": {**state, **changes}, "dis_state_dict": {"module.w": torch.zeros(2)},
        "gen_optim": {"state": {}, "param_groups": []}, "dis_optim": {"state": {}, "param_groups": []},
    }  # fmt: skip
    torch.save(entries, path)
    return state


def test_a_file_becomes_a_model_that_gives_the_same_frames(tmp_path):
    state = published_file(tmp_path / "mug.pth.tar", size=32)
    made = import_weights(tmp_path / "mug.pth.tar", "frgan", tmp_path / "out")
    assert "brought as files" in made.notes[0]
    model = Frgan.from_weights(load_weights(tmp_path / "out"))
    assert (model.size, model.structure.kind, model.structure_channels) == (32, "precomputed", 3)
    plain = ForecastGenerator(SMALL, 3, 3, 32).eval()
    plain.load_state_dict({name.removeprefix("module."): t for name, t in state.items()})
    source, maps = torch.rand(3, 32, 32), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        wanted = plain(2 * source[None] - 1, maps[:1], maps[1:]).image
    got = model.render(source, maps[0], maps[1:], begins=False)
    torch.testing.assert_close(got, (0.5 * wanted + 0.5).clamp(0, 1), atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(not LAYOUTS.is_file(), reason=f"no published layouts at {LAYOUTS}")
def test_the_published_layout_is_that_of_the_default_config():
    layout = json.loads(LAYOUTS.read_text(encoding="utf-8"))["layouts"]["frgan.gen"]
    with torch.device("meta"):
        state = {
            name.removeprefix("module."): torch.empty([n for n in shape if n != "i64"])
            for name, shape in layout.items()
        }
        sizes = read_sizes(state)
        ours = Frgan(**sizes).generator.state_dict()
    assert (sizes["size"], sizes["forecast"]) == (64, ForecastConfig().to_dict())
    assert sizes["structure"] == StructureConfig(kind="precomputed").to_dict()
    assert {name: tuple(t.shape) for name, t in ours.items()} == {n: tuple(t.shape) for n, t in state.items()}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"module.decoder.w.weight": torch.zeros(1, 5, 3, 3)}, "of another shape"),
        ({"module.more": torch.zeros(1)}, "not expected"),
        ({"module.img_encoder.conv.weight": torch.zeros(4)}, "other layers"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path, changes: dict, reason: str):
    published_file(tmp_path / "mug.pth.tar", **changes)
    with pytest.raises(InputError, match=f"mug.pth.tar: does not fit .*{reason}"):
        import_weights(tmp_path / "mug.pth.tar", "frgan", tmp_path / "out")
