"""The function's image: what it is called, how it is built, and what is in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from docker.errors import BuildError, DockerException

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
NAME = "photo-labels"
# All that the image is made of, beside its base.
INPUTS = (
    "Dockerfile",
    ".dockerignore",
    "handler",
    "photo_labels/__init__.py",
    "photo_labels/records",
    "infra/trim_botocore.py",
    "requirements/image.txt",
)
PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
_ARCHITECTURES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_LINES_OF_A_FAILURE = 20


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the engine."""

    tag: str
    # x86_64 or arm64, read from the image itself.
    architecture: str
    size_mb: float

    @property
    def name(self) -> str:
        return f"{NAME}:{self.tag}"


def tag_of(architecture: str, base: str | None = None) -> str:
    """Return an image's tag: its commit, or its content where that is not committed. Equal tags are equal images.

    A base other than the Dockerfile's own is part of the name.
    Debian's packages are as new as the build: for newer ones of the same source, make a commit.
    """
    try:
        commit = _git("rev-parse", "--short=12", "HEAD").strip()
        is_dirty = bool(_git("status", "--porcelain", "--", *INPUTS).strip())
    except (FileNotFoundError, subprocess.CalledProcessError):  # not from git
        is_dirty = True
    source = f"dirty-{_content()}" if is_dirty else commit
    of_base = f"-{hashlib.sha256(base.encode()).hexdigest()[:8]}" if base else ""
    return f"{source}-{architecture}{of_base}"


def reach_engine() -> docker.DockerClient:
    """Return a client of the Docker engine that the docker command uses. Raises UserError."""
    try:
        client = docker.DockerClient(base_url=_host()) if _host() else docker.from_env()
        client.ping()
    except DockerException as error:
        raise UserError(
            f"Docker does not answer ({error}): install it, or start it, and see that you may use it."
        ) from error
    return client


def native_architecture(engine: docker.DockerClient) -> str:
    """Return the architecture that the engine builds without emulation."""
    has = engine.info()["Architecture"]
    if has not in _ARCHITECTURES:
        raise UserError(
            f"The Docker engine runs on {has}, for which Lambda has nothing: name ARCHITECTURE=x86_64 or arm64."
        )
    return _ARCHITECTURES[has]


def build(
    engine: docker.DockerClient, architecture: str, *, base: str | None = None, no_cache: bool = False
) -> Image:
    """Build the image and read its architecture back. Raises UserError with the end of what the build printed."""
    tag = tag_of(architecture, base)
    build_dockerfile(
        engine, "Dockerfile", f"{NAME}:{tag}", base=base, architecture=architecture, no_cache=no_cache
    )
    built = engine.images.get(f"{NAME}:{tag}")
    found = _ARCHITECTURES.get(built.attrs["Architecture"], built.attrs["Architecture"])
    if found != architecture:
        raise UserError(
            f"The image is for {found}, not {architecture}: the base image {base} is of that architecture only."
        )
    return Image(tag, found, built.attrs["Size"] / 1e6)


def build_dockerfile(
    engine: docker.DockerClient,
    dockerfile: str,
    name: str,
    *,
    base: str | None = None,
    architecture: str | None = None,
    no_cache: bool = False,
) -> None:
    """Build one of the repository's Dockerfiles, by the docker command where there is one. Raises UserError."""
    build = _Build(
        dockerfile,
        name,
        PLATFORMS[architecture or native_architecture(engine)],
        {"BASE_IMAGE": base} if base else {},
        no_cache,
    )
    with _certificates():
        if shutil.which("docker"):
            build.by_command()
        else:
            build.by_sdk(engine)


@dataclass(frozen=True, slots=True)
class _Build:
    dockerfile: str
    name: str
    platform: str
    arguments: dict[str, str]
    no_cache: bool

    def by_command(self) -> None:
        options = ["--platform", self.platform, "--tag", self.name, "--file", str(ROOT / self.dockerfile)]
        for argument, value in self.arguments.items():
            options += ["--build-arg", f"{argument}={value}"]
        if self.no_cache:
            options.append("--no-cache")
        command = ["docker", "build"]
        if _succeeds("docker", "buildx", "version"):
            # Lambda takes no image index, which is what an attestation makes of an image.
            command = ["docker", "buildx", "build", "--load", "--provenance=false", "--sbom=false"]
        with tempfile.TemporaryFile("w+") as log:
            ended = subprocess.run(
                [*command, *options, str(ROOT)], stdout=log, stderr=subprocess.STDOUT, check=False
            )
            if ended.returncode:
                log.seek(0)
                raise UserError(_failure(log.read().splitlines()))

    def by_sdk(self, engine: docker.DockerClient) -> None:
        try:
            engine.images.build(
                path=str(ROOT),
                dockerfile=self.dockerfile,
                tag=self.name,
                platform=self.platform,
                buildargs=self.arguments,
                nocache=self.no_cache,
                rm=True,
            )
        except BuildError as error:
            printed = [str(part.get("stream") or part.get("error") or "").rstrip() for part in error.build_log]
            raise UserError(_failure(printed)) from error
        except DockerException as error:
            raise UserError(f"Docker cannot build the image: {error}") from error


def _failure(printed: list[str]) -> str:
    lines = [line for line in printed if line.strip()]
    return "The image was not built; the end of what Docker printed:\n" + "\n".join(lines[-_LINES_OF_A_FAILURE:])


@contextmanager
def _certificates() -> Iterator[None]:
    """Let pip inside the build trust what pip outside does (PIP_CERT); only the build stage gets it."""
    own, copy = os.environ.get("PIP_CERT"), ROOT / "build-ca.crt"
    if not own or copy.exists() or copy.is_symlink():  # through a link, another file would be written
        yield
        return
    try:
        shutil.copyfile(own, copy)
    except OSError as error:
        raise UserError(
            f"PIP_CERT names certificates that cannot be read ({error}): correct or unset it."
        ) from error
    try:
        yield
    finally:
        copy.unlink(missing_ok=True)


def _content() -> str:
    digest = hashlib.sha256()
    for path in sorted(_files()):
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _files() -> Iterator[Path]:
    for name in INPUTS:
        path = ROOT / name
        yield from [path] if path.is_file() else (one for one in path.rglob("*.py") if one.is_file())


def _host() -> str | None:
    """Return the host of the docker command's context, which the SDK does not read; None: the SDK's default."""
    if os.environ.get("DOCKER_HOST") or not shutil.which("docker"):
        return None
    asked = subprocess.run(
        ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
