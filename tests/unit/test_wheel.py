"""`pipx install .`: a wheel with `photos` and nothing else, which runs without a checkout."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from photo_labels import __version__

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("photo_labels", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Installed:
    """The wheel, in a virtual environment of its own."""

    wheel: Path
    environment: Path

    @property
    def site_packages(self) -> Path:
        return next(self.environment.glob("lib/*/site-packages"))

    @property
    def requirements(self) -> list[Requirement]:
        (found,) = importlib.metadata.distributions(name="photo-labels", path=[str(self.site_packages)])
        return [Requirement(line) for line in found.requires or []]

    def photos(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PHOTOS_", "PYTHON"))}
        return subprocess.run(
            [self.environment / "bin" / "photos", *arguments],
            cwd=folder,
            env={**own, "COLUMNS": "80"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel from a copy of its sources, and install it beside the dependencies of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source],
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    found = Installed(wheel, folder / "venv")
    # A path from a .pth file is a plain one: the .pth files in it, such as that of this checkout, are not read.
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (found.site_packages / "dependencies.pth").write_text("\n".join(folders) + "\n")
    into = ["--python", str(found.environment / "bin" / "python"), "install"]
    subprocess.run([*pip, *into, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
    return found


def test_given_the_wheel_when_listed_then_it_holds_photo_labels_alone(installed: Installed) -> None:
    names = {name for name in zipfile.ZipFile(installed.wheel).namelist() if ".dist-info/" not in name}
    tree = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "photo_labels").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert names == tree
    assert "photo_labels/browsing/page/index.html" in names
    words = "photo_labels/library/searching/words"
    assert {f"{words}/words.txt", f"{words}/LICENSE-UNICODE", f"{words}/LICENSE-WORDNET"} <= names
    assert installed.wheel.name == f"photo_labels-{__version__}-py3-none-any.whl"


def test_given_the_wheel_when_photos_runs_then_it_tells_its_version_and_help(
    installed: Installed, tmp_path: Path
) -> None:
    version = installed.photos("--version", folder=tmp_path)
    assert (version.returncode, version.stdout) == (0, f"photos, version {__version__}\n")
    told = installed.photos("--help", folder=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "search" in told.stdout


def test_given_the_wheel_when_the_local_cloud_is_asked_for_then_a_sentence_names_the_checkout(
    installed: Installed, tmp_path: Path
) -> None:
    asked = installed.photos("--local", "status", folder=tmp_path)
    assert asked.returncode == 2
    assert "needs a checkout of the repository" in " ".join(asked.stderr.split())
    assert "Traceback" not in asked.stderr


def test_given_what_photo_labels_imports_when_compared_then_the_wheel_requires_exactly_that(
    installed: Installed,
) -> None:
    distributions = importlib.metadata.packages_distributions()
    needed = {
        re.sub(r"[-_.]+", "-", distributions[module][0]).lower()
        for path in (installed.site_packages / "photo_labels").rglob("*.py")
        for module in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if module not in sys.stdlib_module_names | {"photo_labels"}
    }
    assert {requirement.name for requirement in installed.requirements} == needed


def test_given_the_pinned_versions_when_compared_then_they_are_within_what_the_wheel_requires(
    installed: Installed,
) -> None:
    pinned = dict(
        re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE)
    )
    outside = [one.name for one in installed.requirements if not one.specifier.contains(pinned[one.name])]
    assert not outside


def _imported(node: ast.AST) -> set[str]:
    """Return the top-level modules that are imported at run time: not those under `if TYPE_CHECKING:`."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").partition(".")[0]}
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return set()
    return set().union(*map(_imported, ast.iter_child_nodes(node)))
