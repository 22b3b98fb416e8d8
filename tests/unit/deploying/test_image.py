"""Names of images, and how they are built."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from infra import image as images
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of what an image is made of."""
    for name in images.INPUTS:
        path = tmp_path / (f"{name}/app.py" if name in {"handler", "photo_labels/records"} else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.setattr(images, "ROOT", tmp_path)
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "--all")
    _git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def _git(tree: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=tree, check=True)


def test_given_a_commit_when_an_image_is_named_then_by_the_commit(repository: Path) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True)
    assert images.tag_of("arm64") == f"{head.stdout[:12]}-arm64"
    (repository / "README.md").write_text("not in the image")
    assert images.tag_of("arm64") == f"{head.stdout[:12]}-arm64"


def test_given_changes_when_an_image_is_named_then_by_its_content(repository: Path) -> None:
    app = repository / "handler" / "app.py"
    app.write_text("changed")
    changed = images.tag_of("x86_64")
    assert changed.startswith("dirty-")
    app.write_text("changed again")
    again = images.tag_of("x86_64")
    app.write_text("changed")
    assert images.tag_of("x86_64") == changed != again
    (repository / "handler" / "new.py").write_text("")
    assert images.tag_of("x86_64") not in {changed, again}


def test_given_another_base_when_an_image_is_named_then_by_the_base_too(repository: Path) -> None:
    names = {images.tag_of("x86_64", base) for base in (None, "debian:bookworm", "debian:trixie")}
    assert len(names) == 3
    (repository / "Dockerfile").write_text("changed")
    assert images.tag_of("x86_64", "debian:bookworm").startswith("dirty-"), "ECR forgets those first"


def test_given_certificates_that_are_not_there_when_an_image_is_built_then_a_sentence(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CERT", str(repository / "gone.pem"))
    with pytest.raises(UserError, match="PIP_CERT names certificates that cannot be read"), images._certificates():
        pass


def test_given_an_engine_of_another_kind_when_asked_then_a_sentence() -> None:
    engine: Any = SimpleNamespace(info=lambda: {"Architecture": "armv7l"})
    with pytest.raises(UserError, match="runs on armv7l, for which Lambda has nothing"):
        images.native_architecture(engine)


def test_given_pips_certificates_when_an_image_is_built_then_they_are_there_meanwhile_only(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = repository / "own.pem"
    own.write_text("certificates")
    monkeypatch.setenv("PIP_CERT", str(own))
    with images._certificates():
        assert (repository / "build-ca.crt").read_text() == "certificates"
    assert not (repository / "build-ca.crt").exists()
