"""Which part of the work a process takes: what `--shard` says, else what its launcher says."""

import pytest

from fommvg_lib.__main__ import main
from fommvg_lib.commands.sharding import chosen
from fommvg_lib.files import InputError

NAMES = ("RANK", "WORLD_SIZE", *(f"SLURM_ARRAY_TASK_{part}" for part in ("ID", "COUNT", "MIN", "STEP")))


@pytest.fixture
def launched(monkeypatch):
    """Gives the shard that is chosen where a launcher has set these variables and no others."""

    def get(given=None, **variables):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        return chosen(given)

    return get


def array(task, count, **others):
    found = {"ID": task, "COUNT": count, **{name.upper(): value for name, value in others.items()}}
    return {f"SLURM_ARRAY_TASK_{name}": value for name, value in found.items()}


def test_without_a_launcher_it_is_all(launched):
    assert launched() == (0, 1)
    assert launched(RANK=0, WORLD_SIZE=1) == (0, 1)
    assert launched(SLURM_ARRAY_TASK_ID=7) == (0, 1)  # of an array nobody knows the size of


def test_a_launcher_divides_the_work(launched):
    assert launched(RANK=2, WORLD_SIZE=4) == (2, 4)
    assert launched(**array(3, 5)) == (3, 5)
    assert [launched(**array(task, 3, min=1)) for task in (1, 2, 3)] == [(0, 3), (1, 3), (2, 3)]
    assert [launched(**array(task, 2, min=10, step=5)) for task in (10, 15)] == [(0, 2), (1, 2)]
    assert launched(RANK=0, WORLD_SIZE=1, **array(3, 5)) == (3, 5)


def test_processes_of_the_tasks_of_an_array_share_all_and_twice_nothing(launched):
    parts = [launched(RANK=r, WORLD_SIZE=3, **array(task, 2)) for task in (0, 1) for r in range(3)]
    assert parts == [(index, 6) for index in range(6)]


def test_the_option_goes_before_the_launcher(launched):
    assert launched((1, 3), RANK=0, WORLD_SIZE=4) == (1, 3)
    assert launched((0, 1), RANK=1, WORLD_SIZE=4) == (0, 1)
    assert launched((0, 1), RANK="x", WORLD_SIZE="y") == (0, 1)


@pytest.mark.parametrize(
    "variables,name",
    [
        ({"RANK": 4, "WORLD_SIZE": 4}, "RANK=4"),
        ({"WORLD_SIZE": 2}, "RANK=''"),
        ({"RANK": -1, "WORLD_SIZE": 2}, "RANK='-1'"),
        ({"RANK": 0, "WORLD_SIZE": "two"}, "WORLD_SIZE='two'"),
        ({"RANK": 0, "WORLD_SIZE": 0}, "WORLD_SIZE='0'"),
        (array(9, 3, min=1), "SLURM_ARRAY_TASK_ID=9"),  # --array=1,5,9
        (array(12, 2, min=10, step=5), "SLURM_ARRAY_TASK_ID=12"),
    ],
)
def test_what_makes_no_sense_is_refused(launched, variables, name):
    with pytest.raises(InputError, match=name):
        launched(**variables)


@pytest.mark.parametrize("command", ["extract", "reconstruct", "animate"])
def test_the_help_names_the_variables(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert "--shard" in shown
    for name in ("RANK", "WORLD_SIZE", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"):
        assert name in shown
