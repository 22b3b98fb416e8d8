"""No test sees anything of the caller's environment: for every variable that the tools, or what they use, read."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import KEPT

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ("chaos", "handler", "infra", "loadtest", "local", "photo_labels")
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|HOME|COLUMNS|LINES|TERM|BROWSER|LANG|PAGER")
OF_LIBRARIES = {
    *(
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ACCESS_KEY_ID",
        "AWS_CA_BUNDLE",
    ),
    *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_DATA_PATH", "AWS_MAX_ATTEMPTS", "BOTO_CONFIG"),
    *("HTTP_PROXY", "https_proxy", "ALL_PROXY", "no_proxy", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"),
    *("PIP_USER", "PIP_TARGET", "PYTHONPATH", "PYTHONIOENCODING", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"),
    *(
        "POWERTOOLS_LOG_LEVEL",
        "POWERTOOLS_DEV",
        "LOG_LEVEL",
        "GATEWAY_PORT",
        "REQUESTS_CA_BUNDLE",
        "TTY_COMPATIBLE",
    ),
}
LOOK = """
import json, os
import tests.conftest
from photo_labels.library import state_files, target
print(json.dumps([dict(os.environ), str(target.LOCAL_STATE), str(state_files._users_state())]))
"""


def read_by_tools() -> set[str]:
    """All names that look like those of variables in the tools' code."""
    found = set()
    for path in (path for tool in TOOLS for path in (ROOT / tool).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                found.add(node.value)
    return found


def test_given_an_environment_full_of_settings_when_tests_run_then_they_see_none_of_them(tmp_path: Path) -> None:
    names = read_by_tools() | OF_LIBRARIES
    assert {"PHOTOS_TARGET", "PHOTOS_LOCAL_STATE", "XDG_STATE_HOME", "MAX_LABELS"} <= names
    theirs = str(tmp_path / "theirs")
    hostile = dict.fromkeys(names - {*KEPT, "PYTHONIOENCODING", "PYTHONPATH"}, theirs)
    hostile |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(
        [sys.executable, "-c", LOOK], env=hostile, cwd=ROOT, check=True, capture_output=True, text=True
    )
    seen, local, state = json.loads(printed.stdout)
    kept_on_purpose = {"DOCKER_CONFIG", "GIT_CONFIG_GLOBAL"}
    assert {name for name, value in seen.items() if theirs in value} <= kept_on_purpose
    assert theirs not in local + state
    assert str(ROOT / ".local") not in local + state
