"""Which number format is used where, and that the switches are put back."""

from __future__ import annotations

import contextlib
import shutil
import warnings

import pytest
import torch

from fommvg_lib import precision
from fommvg_lib.__main__ import build_parser, main
from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.precision import rendering_precision, tensor_float_32, training_precision
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipes.fomm import FommRecipe
from fommvg_lib.training.update import Updater

CPU, GPU, APPLE = torch.device("cpu"), torch.device("cuda", 1), torch.device("mps")
MATMUL, CUDNN = torch.backends.cuda.matmul, torch.backends.cudnn


@pytest.fixture
def machine(monkeypatch):
    """Pretend that no device has a 16-bit format, or that some have."""

    def pretend(bf16=(), fp16=()):
        monkeypatch.setattr(precision, "has_real_bf16", lambda device: device.type in bf16)
        monkeypatch.setattr(precision, "has_real_fp16", lambda device: device.type in fp16)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")

    pretend()
    return pretend


@pytest.mark.parametrize(
    ("device", "bf16", "chosen"),
    [
        (CPU, ("cpu",), "bf16"),
        (CPU, (), "fp32"),
        (GPU, ("cuda",), "bf16"),
        (GPU, (), "fp16"),
        (APPLE, ("cuda", "cpu"), "fp32"),
    ],
)
def test_auto_is_bf16_where_it_is_real_else_fp16_on_a_gpu_else_fp32(machine, device, bf16, chosen):
    machine(bf16=bf16, fp16=("cuda",))
    assert rendering_precision(device, "auto") == chosen


def test_a_real_format_is_used_as_asked(machine):
    machine(bf16=("cpu", "cuda"), fp16=("cuda",))
    assert [rendering_precision(CPU, name) for name in ("fp32", "bf16")] == ["fp32", "bf16"]
    assert [rendering_precision(GPU, name) for name in ("fp32", "bf16", "fp16")] == ["fp32", "bf16", "fp16"]


@pytest.mark.parametrize(
    ("device", "wanted", "line"),
    [
        (GPU, "bf16", r"^cuda:1 \(Tesla T4\): only emulates bfloat16, .*; use precision fp16 instead$"),
        (CPU, "bf16", r"^cpu \(\w+\): only emulates bfloat16, .*; use precision fp32 instead$"),
        (CPU, "fp16", r"^cpu \(\w+\): only emulates float16, .*; use precision fp32 instead$"),
        (APPLE, "fp16", r"^mps: only emulates float16, .*; use precision fp32 instead$"),
    ],
)
def test_an_emulated_format_is_refused_naming_device_and_replacement(machine, device, wanted, line):
    machine(fp16=("cuda",))
    with pytest.raises(InputError, match=line):
        rendering_precision(device, wanted)


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="auto, fp32, bf16, fp16, got 'fp8'"):
        rendering_precision(CPU, "fp8")
    with pytest.raises(ValueError, match="fp32, bf16, got 'fp16'"):
        training_precision(CPU, "fp16")
    with pytest.raises(ValueError, match="fp32, bf16, got 'fp16'"):
        precision.autocast(CPU, "fp16")


def test_the_named_gpu_is_asked_and_emulation_does_not_count(monkeypatch):
    asked = []

    @contextlib.contextmanager
    def current(device):
        asked.append(device)
        yield

    monkeypatch.setattr(torch.cuda, "device", current)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert not precision.has_real_bf16(GPU)
    assert asked == [GPU]


def test_a_processor_without_float16_convolutions_is_not_real(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_fp16_supported", lambda: False)
    assert not precision.has_real_fp16(CPU)
    assert precision.has_real_fp16(GPU) and not precision.has_real_fp16(APPLE)


def test_loading_for_an_emulating_device_is_refused_before_anything_is_read(machine, tiny_weights):
    with pytest.raises(InputError, match="use precision fp32 instead"):
        load_frame_generator(tiny_weights, precision="bf16")
    assert load_frame_generator(tiny_weights, precision="auto").generator.final.weight.dtype == torch.float32
    machine(bf16=("cpu",))
    fast = load_frame_generator(tiny_weights, precision="auto")
    assert fast.generator.final.weight.dtype == torch.bfloat16
    assert fast.kp_detector.kp.weight.dtype == torch.float32


def test_a_command_asked_for_an_emulated_format_fails_in_one_line(
    machine, tiny_weights, driving, tmp_path, capsys
):
    words = ["extract", "--videos", str(driving), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*words, "--weights", str(tiny_weights), "--precision", "bf16"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and "only emulates bfloat16" in said[0] and "use precision fp32" in said[0]


def test_commands_offer_every_rendering_precision():
    for name in precision.RENDERING_PRECISIONS:
        words = ["extract", "--videos", "a", "--out", "b", "--precision", name]
        assert build_parser().parse_args(words).precision == name


def test_training_goes_on_in_fp32_with_a_remark_where_bf16_is_emulated(machine):
    used, remark = training_precision(GPU, "bf16")
    assert used == "fp32"
    assert remark == ("cuda:1 (Tesla T4) only emulates bfloat16, slower than float32: training in fp32")
    assert training_precision(GPU, "fp32") == ("fp32", None)
    machine(bf16=("cuda",))
    assert training_precision(GPU, "bf16") == ("bf16", None)
    assert training_precision(GPU, "bf16", has_volumes=True) == ("bf16", None)


def test_volumes_are_not_trained_in_bfloat16_on_a_cpu(monkeypatch):
    monkeypatch.setattr(precision, "has_real_bf16", lambda device: True)
    assert training_precision(CPU, "bf16") == ("bf16", None)
    used, remark = training_precision(CPU, "bf16", has_volumes=True)
    assert used == "fp32" and "3-D convolutions" in remark


def switches():
    """What torch uses, read through its newer switches, which never raise."""
    parts = MATMUL, CUDNN.conv, CUDNN.rnn, torch.backends.mkldnn.matmul
    return [part.fp32_precision for part in parts]


def legacy():
    return MATMUL.allow_tf32, CUDNN.allow_tf32, torch.get_float32_matmul_precision()


@pytest.fixture
def own_switches():
    """Let a test turn the switches; they are as they were afterwards."""
    parts = torch.backends, MATMUL, CUDNN.conv, CUDNN.rnn, torch.backends.mkldnn.matmul
    before, mode, cudnn = [part.fp32_precision for part in parts], *legacy()[2:0:-1]
    yield
    torch.set_float32_matmul_precision(mode)
    CUDNN.allow_tf32 = cudnn
    for part, was in zip(parts, before, strict=True):
        part.fp32_precision = was


def as_torch_comes():
    pass


def by_the_older_switches():
    MATMUL.allow_tf32, CUDNN.allow_tf32 = True, False


def by_matmul_precision():
    torch.set_float32_matmul_precision("medium")


def by_the_newer_switches():
    MATMUL.fp32_precision, CUDNN.conv.fp32_precision = "tf32", "ieee"


def by_the_switch_above_all():
    torch.backends.fp32_precision = "tf32"


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize(
    "prepare",
    [
        as_torch_comes,
        by_the_older_switches,
        by_matmul_precision,
        by_the_newer_switches,
        by_the_switch_above_all,
    ],
)
def test_tf32_is_for_convolutions_in_the_block_and_as_before_after_it(own_switches, prepare, is_on):
    prepare()
    before = switches()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyError), tensor_float_32(is_on):
            conv = "tf32" if is_on else "ieee"
            assert switches() == ["ieee", conv, conv, "ieee"]
            inside = legacy()  # raises if torch's two sets of switches disagree, as torch.compile would
            raise KeyError
    assert inside == (False, is_on, "highest")
    assert switches() == before


def test_tf32_leaves_the_older_switches_readable(own_switches):
    by_matmul_precision()
    before = legacy()
    with tensor_float_32(False):
        pass
    assert legacy() == before == (True, True, "medium")


HAS_COMPILER = any(map(shutil.which, ("c++", "g++", "clang++", "cl")))
SLOW_RATES = {"lr_generator": 1e-6, "lr_kp_detector": 1e-6}
"""Adam's first moves have the size of the rate and the sign of the gradient, which rounding can turn."""


def smoke_losses(num_steps, wanted, is_compiled):
    """The terms of some steps of the smoke profile."""
    config = FommConfig.from_profile("smoke", batch_size=2, precision=wanted, **SLOW_RATES)
    clips = SyntheticClips("train", config.size, 8, num_identities=2)
    recipe = FommRecipe(config, clips, clips, CPU)
    if is_compiled:
        for module in recipe.compiled_modules():
            module.compile()
    processes = Processes(CPU)
    update, batches = Updater(recipe, processes), recipe.batches(0, processes.share)
    return [{k: v.item() for k, v in update(next(batches), step).items()} for step in range(num_steps)]


@pytest.mark.soak
@pytest.mark.skipif(not HAS_COMPILER, reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.parametrize(("wanted", "tolerance"), [("fp32", 1e-3), ("bf16", 2e-2)])
def test_compiled_training_steps_have_the_losses_of_eager_ones(wanted, tolerance):
    plain, compiled = (smoke_losses(3, wanted, is_compiled) for is_compiled in (False, True))
    for theirs, ours in zip(plain, compiled, strict=True):
        assert theirs.keys() == ours.keys()
        for name, value in theirs.items():
            if not name.startswith("grad_norm_"):
                assert ours[name] == pytest.approx(value, rel=tolerance), name
