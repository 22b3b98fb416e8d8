"""The map in docs/architecture.md holds: which package may import which, and no cycle, of types neither."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from local.ministack import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

MAY_IMPORT = {
    "photo_labels.records": set(),
    "handler": {"photo_labels.records"},
    "photo_labels.library": {"photo_labels.records"},
    "photo_labels.terminal": {"photo_labels.library", "photo_labels.records"},
    "photo_labels.browsing": {"photo_labels.library", "photo_labels.records"},
    "photo_labels.commands": {
        "photo_labels.browsing",
        "photo_labels.library",
        "photo_labels.records",
        "photo_labels.terminal",
    },
    "infra": {"photo_labels.library", "photo_labels.records", "photo_labels.terminal"},
    "local": {"photo_labels.library", "photo_labels.records", "photo_labels.terminal"},
}
# By package: which others of ours it may import. Load test, chaos, smoke and tests sit on top, and may import all.


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, also for types alone."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return names | {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def modules(package: str) -> dict[str, Path]:
    folder = REPOSITORY / package.replace(".", "/")
    files = {".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path for path in folder.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in files.items()}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_given_a_package_when_it_imports_then_only_what_the_map_allows(package: str) -> None:
    ours = ("handler", "photo_labels", "infra", "local", "loadtest", "chaos", "smoke", "tests")
    allowed = (package, *MAY_IMPORT[package], "photo_labels.__version__")
    assert modules(package)
    for name, path in modules(package).items():
        own = {one for one in imported(path) if one.split(".")[0] in ours}
        foreign = {one for one in own if not any(one == good or one.startswith(f"{good}.") for good in allowed)}
        assert not foreign, name


@pytest.mark.parametrize("package", ["handler", "photo_labels"])
def test_given_a_package_when_its_modules_import_each_other_then_never_in_a_circle(package: str) -> None:
    found = {name: path for name, path in modules(package).items() if path.name != "__init__.py"}
    used = {
        name: {part for one in imported(path) for part in (one, one.rpartition(".")[0])}
        for name, path in found.items()
    }
    graph = {name: (used[name] & found.keys()) - {name} for name in found}
    TopologicalSorter(graph).prepare()  # raises CycleError
