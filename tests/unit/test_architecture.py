"""The map in docs/architecture.md holds: which package may import which, and no cycle, of types neither."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from local.ministack import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

# By package: which others of ours it may import. The page is the map, and this test reads it.
ROWS = re.findall(
    r"^\| `([\w.]+)` \|[^|]*\| ?(.*?) ?\|$",
    (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
MAY_IMPORT = {package: set(re.findall(r"`([\w.]+)`", allowed)) for package, allowed in ROWS}


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, also for types alone."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return names | {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def modules(package: str) -> dict[str, Path]:
    folder = REPOSITORY / package.replace(".", "/")
    paths = folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]
    files = {".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in files.items()}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_given_a_package_when_it_imports_then_only_what_the_map_allows(package: str) -> None:
    ours = ("handler", "photo_labels", "infra", "local", "loadtest", "chaos", "corpus", "smoke", "tests")
    allowed = (package, *MAY_IMPORT[package], "photo_labels.__version__")
    assert modules(package)
    for name, path in modules(package).items():
        own = {one for one in imported(path) if one.split(".")[0] in ours}
        foreign = {one for one in own if not any(one == good or one.startswith(f"{good}.") for good in allowed)}
        assert not foreign, name


def test_given_the_map_when_compared_with_the_tree_then_it_has_each_package() -> None:
    tree = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"photo_labels", "tests"}
    tree |= {f"photo_labels.{path.parent.name}" for path in REPOSITORY.glob("photo_labels/*/__init__.py")}
    assert tree <= MAY_IMPORT.keys()


@pytest.mark.parametrize("package", ["handler", "photo_labels"])
def test_given_a_package_when_its_modules_import_each_other_then_never_in_a_circle(package: str) -> None:
    found = {name: path for name, path in modules(package).items() if path.name != "__init__.py"}
    used = {
        name: {part for one in imported(path) for part in (one, one.rpartition(".")[0])}
        for name, path in found.items()
    }
    graph = {name: (used[name] & found.keys()) - {name} for name in found}
    TopologicalSorter(graph).prepare()  # raises CycleError
