"""For all tests: of the caller's environment no test notices anything but what is named here.

An exported PHOTOS_TARGET=local would have tests purge photos of the user's own local cloud. This comes before any
module of ours is imported: some read the environment then.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import botocore
import pytest

from infra.trim_botocore import OPERATIONS, trim  # which reads nothing of it

# What the tests themselves need of the machine.
KEPT = ("PATH", "TMPDIR", "CI", "BASE_IMAGE", "PIP_CERT", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
KEPT_BEGINNINGS = ("PYTEST_", "COVERAGE_", "COV_", "OPENBLAS_")
_HOME = tempfile.TemporaryDirectory(prefix="photo-labels-tests-", ignore_cleanup_errors=True)


def _of_tests(own: dict[str, str]) -> dict[str, str]:
    kept = {name: own[name] for name in own if name in KEPT or name.startswith(KEPT_BEGINNINGS)}
    if home := own.get("HOME"):  # of programs that tests start, and that are not ours
        kept["DOCKER_CONFIG"] = own.get("DOCKER_CONFIG", f"{home}/.docker")
        kept["GIT_CONFIG_GLOBAL"] = own.get("GIT_CONFIG_GLOBAL", f"{home}/.gitconfig")
    return kept | {
        "HOME": _HOME.name,
        "LC_ALL": "C.UTF-8",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PHOTOS_LOCAL_STATE": str(Path(_HOME.name) / "no-local-cloud"),
    }


_environment = _of_tests(dict(os.environ))
os.environ.clear()
os.environ.update(_environment)


@pytest.fixture(scope="session")
def trimmed_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has of botocore's data: a copy, trimmed."""
    site = tmp_path_factory.mktemp("site")
    data = Path(botocore.__file__).parent / "data"
    for name in (*OPERATIONS, "ec2"):
        shutil.copytree(data / name, site / "botocore" / "data" / name)
    for path in data.glob("*.json"):
        shutil.copyfile(path, site / "botocore" / "data" / path.name)
    trim(site)
    return site / "botocore" / "data"
