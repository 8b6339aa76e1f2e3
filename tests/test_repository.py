"""The repository as a whole: names agree, imports go one way, nothing large or personal is in it."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "fommvg_lib"

# The order in which data flows: a module or folder imports only from those before it.
ORDER = (
    "files",
    "tables",
    "shards",
    "tensor_files",
    "prefetch",
    "share",
    "precision",
    "published_files",
    "config",
    "video_io",
    "weights",
    "faces",
    "crop",
    "driving",
    "preparation",
    "augmentation",
    "synthetic",
    "clips",
    "motion",
    "jacobian",
    "motion_files",
    "landmark_motion",
    "motion_npy",
    "packed_motion",
    "pca",
    "checkpoints",
    "losses",
    "frame_generator",
    "perceptual",
    "motion_generator",
    "motion_losses",
    "pixel_baseline",
    "importing",
    "curves",
    "run_record",
    "visualize",
    "generate",
    "motion_shards",
    "extraction",
    "reconstruction",
    "clip_pairs",
    "landmarks",
    "best_frame",
    "structure_finding",
    "structured_video",
    "pair_animation",
    "metrics",
    "evaluation",
    "training",
    "results_page",
    "notebook_errors",
    "course_data",
    "course_weights",
    "portrait",
    "course_notebooks",
    "course_freshness",
    "course_run",
    "course",
    "doctor",
    "widgets",
    "commands",
    "__main__",
)
FAMILIES = ("frame_generator", "motion_generator", "pixel_baseline")
# Where families may meet.
MEETING_PLACES = (
    *("training", "generate", "structure_finding", "structured_video", "evaluation", "portrait", "commands"),
)
CONDA_NAMES = {"pytorch": "torch"}
MAX_BYTES = 1_000_000


@cache
def tracked_files() -> tuple[Path, ...]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: cannot tell which files belong to the repository")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(ROOT / name for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file())


@cache
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def load_slug_tool():
    spec = importlib.util.spec_from_file_location("slug", ROOT / ".ci" / "slug.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def library_modules() -> list[Path]:
    return sorted(LIBRARY.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(LIBRARY).with_suffix("").parts[0]


def imported_parts(path: Path) -> set[str]:
    """Name the top parts of the library that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "fommvg_lib":
            names |= {f"fommvg_lib.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}: relative import"
            names.add(node.module)
    parts = {name.split(".")[1] for name in names if name.startswith("fommvg_lib.")}
    return {part for part in parts if not part.startswith("__version")}


@pytest.mark.parametrize("path", library_modules(), ids=lambda path: str(path.relative_to(LIBRARY)))
def test_imports_go_one_way(path: Path):
    own = part_of(path)
    if own == "__init__":
        assert not imported_parts(path)
        return
    assert own in ORDER, f"{own} has no place in ORDER: put it where its data flows"
    later = {part for part in imported_parts(path) if ORDER.index(part) > ORDER.index(own)}
    assert not later, f"{path.relative_to(ROOT)} imports {sorted(later)}, which come after {own}"


def test_families_meet_only_in_recipes_and_the_pipeline():
    for path in library_modules():
        met = imported_parts(path) | {part_of(path)}
        if len(met & set(FAMILIES)) > 1:
            assert part_of(path) in MEETING_PLACES, (
                f"{path.relative_to(ROOT)} joins {sorted(met & set(FAMILIES))}"
            )


def test_no_torchvision_anywhere():
    pattern = re.compile(r"^\s*(import|from)\s+torchvision", re.MULTILINE)
    for path in library_modules():
        assert not pattern.search(path.read_text(encoding="utf-8")), path


def test_each_sampling_call_states_align_corners():
    for path in library_modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in ("grid_sample", "affine_grid", "interpolate"):
                continue
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            mode = getattr(keywords.get("mode"), "value", "bilinear" if name != "interpolate" else "nearest")
            takes_corners = name != "interpolate" or mode in ("bilinear", "bicubic", "linear", "trilinear")
            if takes_corners:
                assert "align_corners" in keywords, f"{path.relative_to(ROOT)}:{node.lineno}: {name}"


def test_modules_and_public_functions_say_what_they_do():
    silent = []
    for path in library_modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if tree.body and not ast.get_docstring(tree):
            silent.append(str(path.relative_to(ROOT)))
        for node in tree.body:
            is_public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if is_public and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not silent


def test_no_library_file_is_long():
    for path in library_modules():
        lines = path.read_text(encoding="utf-8").count("\n")
        limit = 400 if part_of(path) == "config" else 300  # config: tables of published settings, commented
        assert lines <= limit, f"{path.relative_to(ROOT)} has {lines} lines, look hard at 250"


def test_no_large_file_in_the_repository():
    for path in tracked_files():
        limit = 4 * MAX_BYTES if path.suffix == ".safetensors" else MAX_BYTES
        assert path.stat().st_size <= limit, f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e6:.1f} MB"


def test_shipped_weights_stay_small():
    weights = ROOT / "fommvg_lib" / "weights"
    files = [path for path in tracked_files() if path.is_relative_to(weights)]
    assert sum(path.stat().st_size for path in files if path.suffix == ".safetensors") <= 8_000_000


def test_committed_clips_stay_small():
    for path in tracked_files():
        if path.is_relative_to(ROOT / "results") and path.suffix in (".mp4", ".gif", ".webm"):
            limit = MAX_BYTES if path.parent.name == "readme" else 200_000
            assert path.stat().st_size <= limit, path.relative_to(ROOT)


def test_no_machine_paths():
    folders = "|".join(["work", "farm", "root", "tmp", "home", "Users"])
    pattern = re.compile(rf"(?<![\w./-])/({folders})/\w")
    text_endings = {".py", ".md", ".ipynb", ".toml", ".yml", ".yaml", ".json", ".csv", ".cff", ".cfg", ""}
    for path in tracked_files():
        if path.suffix not in text_endings:
            continue
        found = pattern.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)}: {found.group(0)}"


def requirement_names(requirements: list[str]) -> dict[str, str]:
    """Split requirements into name and the rest: {"torch": ">=2.10"}."""
    split = [re.match(r"([A-Za-z0-9_.-]+)(.*)", requirement).groups() for requirement in requirements]
    return {name.lower(): rest.replace(" ", "") for name, rest in split}


def test_environment_names_the_packages_of_pyproject():
    described = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [entry for entry in described["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in described["dependencies"] if isinstance(entry, dict))
    assert "-e ." in pip
    named = requirement_names(conda + [entry for entry in pip if not entry.startswith("-")])
    assert named.pop("python") == project()["project"]["requires-python"]
    assert named.pop("pip") == ""
    named = {CONDA_NAMES.get(name, name): rest for name, rest in named.items()}
    extras = project()["project"]["optional-dependencies"].values()
    wanted = [*project()["project"]["dependencies"], *(entry for extra in extras for entry in extra)]
    assert named == requirement_names(wanted)


def test_nothing_is_pinned_exactly():
    extras = project()["project"]["optional-dependencies"].values()
    for entry in [*project()["project"]["dependencies"], *(entry for extra in extras for entry in extra)]:
        assert "==" not in entry


def test_the_workflow_calls_make_test():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    commands = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    assert any(command.startswith("make test") for command in commands)
    assert "make --no-print-directory test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_pre_commit_fetches_nothing():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]


def test_every_mention_of_the_repository_has_the_slug_of_pyproject():
    tool = load_slug_tool()
    slug = tool.current_slug(ROOT)
    own = re.compile(
        r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+?)/blob"
        r"|git clone[^\n\"']*github\.com/([\w.-]+/[\w-]+)"
        r"|github\.com/([\w.-]+/[\w.-]+?)/actions"
        r"|repository-code: https://github\.com/([\w.-]+/[\w-]+)"
    )
    found = 0
    for path in tool.files_with_mentions(ROOT):
        for groups in own.findall(path.read_text(encoding="utf-8")):
            assert "".join(groups) == slug, path.relative_to(ROOT)
            found += 1
    assert found


def test_one_command_changes_the_slug_everywhere(tmp_path: Path):
    tool = load_slug_tool()
    old = tool.current_slug(ROOT)
    for path in tool.files_with_mentions(ROOT):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    page = f"https://github.com/{old}.git https://github.com/{old}-other https://github.com/{old}."
    (tmp_path / "EXTRA.md").write_text(page, encoding="utf-8")
    changed = tool.change_slug(tmp_path, "some-one/else.where")
    assert tool.current_slug(tmp_path) == "some-one/else.where"
    assert {"pyproject.toml", "CITATION.cff"} <= {path.name for path in changed}
    assert (tmp_path / "EXTRA.md").read_text(encoding="utf-8") == page.replace(
        f"{old}.git", "some-one/else.where.git"
    ).replace(f"{old}. ", "some-one/else.where. ").removesuffix(f"{old}.") + "some-one/else.where."
    assert not [
        path for path in tool.files_with_mentions(tmp_path) if tool.mentions(old).search(path.read_text())
    ]


@pytest.mark.parametrize("bad", ["", "owner", "a/b/c", "a b/c", "-x/y"])
def test_a_slug_that_is_none_is_refused(tmp_path: Path, bad: str):
    with pytest.raises(ValueError, match="owner/name"):
        load_slug_tool().change_slug(tmp_path, bad)


def test_every_bench_can_be_measured():
    for path in sorted((ROOT / "tests" / "bench").glob("[!_]*.py")):
        if path.name.startswith("test_"):
            continue  # tests of the benches themselves
        functions = [
            node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
        ]
        assert "measure" in functions, path.name
