"""The Makefile: what a person says reaches the program letter for letter, and nobody's settings break the set-up."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from photo_labels.terminal.make import in_words_of_make

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")

# Stands in for every Python that make runs, and writes down what it is asked.
RECORDER = """#!{python} -IS
import json, os, shutil, sys
with open({record!r}, "a") as record:
    record.write(json.dumps(dict(argv=sys.argv[1:], environment=dict(os.environ))) + chr(10))
if sys.argv[1:3] == ["-m", "venv"]:
    os.makedirs(sys.argv[-1] + "/bin", exist_ok=True)
    shutil.copy(__file__, sys.argv[-1] + "/bin/python")
"""

HOSTILE = (
    'it\'s "q" `touch pwned` $(touch pwned) $(shell touch pwned) ${shell touch pwned} $HOME $$ ; touch pwned & '
    "touch pwned | touch pwned > pwned #* \\ ~ ! % %s {a,b} [x] <y \t two  spaces\ntouch pwned\n日本 é $(error no) "
)

DEPLOYING = ("image", "push", "deploy", "redeploy", "rollback", "destroy")
PLACE = {
    "STACK": "--stack",
    "REGION": "--region",
    "PROFILE": "--profile",
    "ARCHITECTURE": "--architecture",
    "BASE_IMAGE": "--base",
}
OPTIONS: dict[str, dict[str, str]] = {
    "demo": {"PHOTOS": ""},
    "up": {"PARAMETERS": "", "LIBRARY": ""},
    **{target: dict(PLACE) for target in DEPLOYING},
    "chaos": {"N": "--number", "SEED": "--seed"},
    "corpus": {"DIR": "--folder"},
    "bench": {"ROUNDS": ""},
    "loadtest": {
        "N": "--number",
        "RATE": "--rate",
        "PROFILE": "--shape",
        "SIZE": "--size",
        "PHOTOS": "--photos",
        "TARGET": "--target",
        "RECOGNISER": "--recogniser",
        "SLO": "--slo",
        "SEED": "--seed",
        "WARMUP": "--warmup",
        "BESIDE": "--beside",
        "TPS": "--tps",
        "DUPLICATES": "--duplicates",
        "OUT": "--out",
        "STACK": "--stack",
        "REGION": "--region",
    },
    "smoke": {
        "TARGET": "--target",
        "REGION": "--region",
        "PROFILE": "--profile",
        "OUT": "--out",
        "BASE_IMAGE": "--base",
    },
    "histories": {"N": "", "SEED": ""},
    "bench-browse": {"N": ""},
    "bench-audit": {"N": ""},
    "bench-backfill": {"N": ""},
    "bench-live": {"N": ""},
    "bench-alarms": {"N": ""},
    "bench-limits": {"N": ""},
    "bench-vision": {"DIR": "--folder"},
    "bench-endurance": {"MINUTES": ""},
    "bench-import": {"N": ""},
    "bench-image": {"BASE_IMAGE": ""},
}
OPTIONS["deploy"].update(
    EXISTING_BUCKET="--existing-bucket",
    PREFIX="--prefix",
    VIA="--via",
    EMAIL="--email",
    PARAMETERS="--parameters",
    TAGS="--tags",
)
"""By target: the variables it takes, and the option that each becomes; none: it stands alone."""

SWITCHES = {
    **{(target, "YES"): ("1", "--yes") for target in (*DEPLOYING, "loadtest", "smoke")},
    ("loadtest", "KEEP"): ("1", "--keep"),
    ("destroy", "DATA"): ("delete", "--with-data"),
    ("corpus", "ONLY"): ("decoder", "--decoder"),
}
COUNTED = tuple(target for target in OPTIONS if target.startswith("bench-") and "N" in OPTIONS[target])
WRONG = [
    *((target, "ARCHITECTURE", "sparc") for target in DEPLOYING),
    *((target, "YES", "true") for target in (*DEPLOYING, "loadtest", "smoke")),
    ("destroy", "DATA", "remove"),
    ("deploy", "VIA", "pigeon"),
    ("deploy", "EMAIL", "me@home"),
    ("deploy", "PARAMETERS", "MaxLabels 5"),
    ("deploy", "TAGS", "team"),
    ("up", "PARAMETERS", "MaxLabels"),
    *(("up", "LIBRARY", folder) for folder in ("", "Makefile", "Makefile/mine")),
    ("demo", "PHOTOS", "/no such folder"),
    ("corpus", "DIR", "/no such folder"),
    ("bench-vision", "DIR", "/no such folder"),
    ("corpus", "ONLY", "decoder please"),
    ("chaos", "N", "-1"),
    ("chaos", "SEED", "x"),
    ("bench", "ROUNDS", "x"),
    ("histories", "N", "x"),
    ("histories", "SEED", "-1"),
    *((target, "N", "0") for target in COUNTED),
    ("bench-endurance", "MINUTES", "1.5"),
    ("smoke", "TARGET", "x"),
    ("smoke", "OUT", ""),
    ("loadtest", "N", "abc"),
    ("loadtest", "RATE", "inf"),
    ("loadtest", "PROFILE", "wave"),
    ("loadtest", "SIZE", "huge"),
    ("loadtest", "PHOTOS", "/no such folder"),
    ("loadtest", "TARGET", "foo"),
    ("loadtest", "RECOGNISER", "me"),
    ("loadtest", "SLO", "p95"),
    ("loadtest", "SEED", "x"),
    ("loadtest", "WARMUP", "-1"),
    ("loadtest", "BESIDE", "-1"),
    ("loadtest", "TPS", "nan"),
    ("loadtest", "DUPLICATES", "1"),
    ("loadtest", "OUT", ""),
    ("loadtest", "KEEP", "yes"),
]
# What may be any text until AWS, or Docker, has a word to say.
ANY = {"STACK", "REGION", "PROFILE", "BASE_IMAGE", "EXISTING_BUCKET", "PREFIX"}

# Variables that the Makefile itself gives a value.
OURS = {
    "BIN",
    "DEPLOY",
    "TOOL",
    "VARIABLES",
    "UV",
    "MINISTACK",
    "RIE",
    "BASELINES",
    "READERS",
    "AUDIT",
    "OF_HANDLER",
    "MAKEFILE_LIST",
}
OF_THE_CALLER = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class Checkout:
    """A copy of the Makefile, in which a recorder is every Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(REPOSITORY / "Makefile", folder)
        (folder / "pyproject.toml").touch()
        (folder / "requirements").mkdir()
        for path in (REPOSITORY / "requirements").glob("*.txt"):
            (folder / "requirements" / path.name).touch()
        self._record = folder / "record"
        self._python = folder / "recorder"
        self._python.write_text(RECORDER.format(python=sys.executable, record=str(self._record)))
        self._python.chmod(0o755)

    def make(self, target: str, *said: str, environment: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Make a target; gives what each Python was asked."""
        self._record.write_text("")
        own = {name: os.environ[name] for name in OF_THE_CALLER if name in os.environ}
        done = subprocess.run(
            ["make", "--no-print-directory", f"PYTHON={self._python}", target, *said],
            cwd=self.folder,
            env={**own, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert not list(self.folder.rglob("pwned"))
        return [json.loads(line) for line in self._record.read_text().splitlines()]

    def argv(self, target: str, *said: str, environment: Mapping[str, str] | None = None) -> list[str]:
        """What the program of a target is given when all is set up."""
        argv: list[str] = self.make(target, *said, environment=environment)[-1]["argv"]
        return argv


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One with all of it set up."""
    checkout = Checkout(tmp_path_factory.mktemp("make") / 'it\'s a "checkout"')
    for target in ("setup", ".venv/.loadtest", ".venv/.dev", ".local/baselines/.installed"):
        checkout.make(target)
    emulator = checkout.folder / ".local" / "rie"
    emulator.mkdir()
    (emulator / ".installed").touch()
    return checkout


@pytest.mark.parametrize("target", OPTIONS)
def test_given_hostile_words_when_made_then_the_program_gets_each_verbatim_and_nothing_runs(
    checkout: Checkout, target: str
) -> None:
    said = {name: f"{name} {HOSTILE}" for name in OPTIONS[target]}
    argv = checkout.argv(target, *(f"{name}={text}" for name, text in said.items()))
    for name, option in OPTIONS[target].items():
        place = argv.index(said[name])
        assert not option or argv[place - 1] == option
    assert len([word for word in argv if "pwned" in word]) == len(said)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@example(text="~/Pictures")
@example(text="")
@example(text="-x")
@example(text="a\\\nb\\")
def test_given_any_words_when_made_then_the_program_gets_them(checkout: Checkout, text: str) -> None:
    words = text.lstrip(" \t\n\r\v\f")  # make's own: a value has no leading blanks
    assert checkout.argv("demo", f"PHOTOS={text}") == ["-m", "local", "demo", words]


@pytest.mark.parametrize(("target", "name"), SWITCHES)
def test_given_a_switch_when_made_then_its_one_word_sets_it_and_no_other_does(
    checkout: Checkout, target: str, name: str
) -> None:
    word, option = SWITCHES[target, name]
    assert option in checkout.argv(target, f"{name}={word}")
    for other in ("", "0", "no", HOSTILE):
        assert option not in checkout.argv(target, f"{name}={other}")
    assert option not in checkout.argv(target, environment={name: word})


@pytest.mark.parametrize("target", OPTIONS)
def test_given_nothing_said_when_made_then_no_variable_of_the_caller_is_taken_for_it(
    checkout: Checkout, target: str
) -> None:
    usual = checkout.argv(target)
    names = set(OPTIONS[target]) - {"PHOTOS", "BASE_IMAGE"}
    assert checkout.argv(target, environment={name: f"{name} {HOSTILE}" for name in names}) == usual


@pytest.mark.parametrize(
    ("target", "name"), [("demo", "PHOTOS"), ("image", "BASE_IMAGE"), ("bench-image", "BASE_IMAGE")]
)
def test_given_hostile_words_in_the_environment_when_made_then_they_are_passed_on_verbatim(
    checkout: Checkout, target: str, name: str
) -> None:
    assert HOSTILE in checkout.argv(target, environment={name: HOSTILE})


def test_given_a_folder_for_the_local_cloud_when_said_to_make_then_it_is_that_very_folder(
    checkout: Checkout,
) -> None:
    asked = checkout.make("up", f"PHOTOS_LOCAL_STATE={HOSTILE}")[-1]
    assert asked["environment"]["PHOTOS_LOCAL_STATE"] == HOSTILE


def test_given_the_makefile_when_read_then_every_variable_that_a_person_sets_is_in_these_tests() -> None:
    told = re.search(r"^VARIABLES := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert told
    named = set(told[1].replace("\\", " ").split())
    tested = {name for options in OPTIONS.values() for name in options} | {name for _, name in SWITCHES}
    assert named == tested | {"PHOTOS_LOCAL_STATE", "PYTHON"}
    helped = {name for text in re.findall(r"##(.*)", MAKEFILE) for name in re.findall(r"\b([A-Z_]+)=", text)}
    assert {"PHOTOS", "PARAMETERS", "MINUTES"} <= helped <= named
    recipes = "\n".join(re.findall(r"^\t.*|^(?:DEPLOY|TOOL) = (?:.*\\\n)*.*", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"(?<!\$)\$[({]([A-Z_]+)[)}]", recipes)) <= OURS


@pytest.mark.parametrize(("target", "name", "value"), WRONG)
def test_given_a_wrong_value_when_made_then_the_sentence_names_the_variable_as_it_was_written(
    checkout: Checkout, target: str, name: str, value: str
) -> None:
    asked = checkout.make(target, f"{name}={value}")[-1]
    done = subprocess.run(
        [sys.executable, *asked["argv"]],
        cwd=checkout.folder,
        env=asked["environment"] | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert f": {name}={value}: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout
    assert not re.search(r"--[a-z]|Usage|valid (integer|float)", done.stderr)


def test_given_the_variables_when_compared_with_these_tests_then_each_is_tried_wrong() -> None:
    taken = {(target, name) for target, options in OPTIONS.items() for name in options} | SWITCHES.keys()
    tried = {(target, name) for target, name, _ in WRONG}
    assert tried == {one for one in taken if one[1] not in ANY or one == ("loadtest", "PROFILE")}


def test_given_a_sentence_about_options_when_make_called_then_it_is_about_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "Pass --stack or --yes; `photos --stack x` and --local are no variables."
    monkeypatch.delenv("MAKE_VARIABLES", raising=False)
    assert in_words_of_make(said) == said
    monkeypatch.setenv("MAKE_VARIABLES", "STACK YES")
    assert in_words_of_make(said) == "Pass STACK=… or YES=1; `photos --stack x` and --local are no variables."


def test_given_a_python_in_the_home_folder_when_made_then_that_one_is_taken(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    asked = checkout.make("setup", "PYTHON=~/recorder", environment={"HOME": str(checkout.folder)})
    assert asked[1]["argv"] == ["-m", "venv", ".venv"]


# ---------------------------------------------------------------- set-up

# What would have packages put elsewhere, or other code run.
PLACES = {
    "PIP_USER": "1",
    "PIP_TARGET": "/elsewhere",
    "PIP_PREFIX": "/elsewhere",
    "PIP_ROOT": "/elsewhere",
    "PIP_PYTHON": "/elsewhere/python",
    "PIP_DRY_RUN": "1",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_REQUIREMENT": "/elsewhere/requirements.txt",
    "PIP_PLATFORM": "win_amd64",
    "PYTHONPATH": "/elsewhere",
    "PYTHONHOME": "/elsewhere",
    "PYTHONUSERBASE": "/elsewhere",
    "PYTHONSTARTUP": "/elsewhere/start.py",
    "PYTHONSAFEPATH": "1",
    "PYTHONINSPECT": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
}
# What says how packages are reached.
REACHING = {
    "PIP_INDEX_URL": "https://packages.example/simple",
    "PIP_EXTRA_INDEX_URL": "https://packages.example/more",
    "PIP_CERT": "/certificates.pem",
    "PIP_CLIENT_CERT": "/mine.pem",
    "PIP_PROXY": "http://proxy.example:3128",
    "PIP_TRUSTED_HOST": "packages.example",
    "PIP_CONFIG_FILE": "/pip.conf",
    "PIP_FIND_LINKS": "/wheels",
    "PIP_NO_INDEX": "1",
    "PIP_DEFAULT_TIMEOUT": "180",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "https_proxy": "http://proxy.example:3128",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/certificates.pem",
    "REQUESTS_CA_BUNDLE": "/certificates.pem",
}


@pytest.mark.parametrize(
    ("target", "venv"),
    [
        ("setup", ".venv"),
        ("setup", ".local/ministack"),
        (".venv/.loadtest", ".venv"),
        (".venv/.dev", ".venv"),
        (".local/baselines/.installed", ".local/baselines"),
        (".local/readers/.installed", ".local/readers"),
        (".local/audit/.installed", ".local/audit"),
    ],
)
def test_given_any_settings_of_pip_and_python_when_set_up_then_packages_go_where_they_belong(
    tmp_path: Path, target: str, venv: str
) -> None:
    checkout = Checkout(tmp_path / "check  out")
    asked = checkout.make(target, environment=PLACES | REACHING)
    assert len(asked) > 2
    for one in asked:
        assert not set(PLACES) & set(one["environment"]), one["argv"]
        assert one["environment"].items() >= REACHING.items()
    installs = [one["argv"] for one in asked if one["argv"][:3] == ["-m", "pip", "install"]]
    # On the command line, which is above what a pip.conf says.
    prefixes = {word for argv in installs for word in argv if word.startswith("--prefix=")}
    assert f"--prefix={checkout.folder / venv}" in prefixes
    assert prefixes <= {f"--prefix={checkout.folder / one}" for one in {venv, ".venv", ".local/ministack"}}
    assert all({"--no-user", "--root=/", "--target="} <= set(argv) for argv in installs)
    assert not checkout.folder.with_name("elsewhere").exists()


@pytest.fixture(scope="module")
def fresh_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a venv with pip that no test touches: making one takes seconds, copying it does not."""
    folder = tmp_path_factory.mktemp("venv") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


CONFIGURED = ["user = true", "target = elsewhere", "prefix = elsewhere", "root = elsewhere"]


@pytest.mark.parametrize("line", [*CONFIGURED, "cache-dir = elsewhere2"])
def test_given_a_pip_conf_when_pip_installs_as_in_the_makefile_then_the_package_is_in_the_venv(
    tmp_path: Path, fresh_venv: Path, line: str
) -> None:
    shutil.copytree(fresh_venv, tmp_path / ".venv", symlinks=True)
    argv = next(one["argv"] for one in Checkout(tmp_path / "checkout").make("setup") if "pip" in one["argv"])
    options = [word for word in argv[3 : argv.index("--require-hashes")] if not word.startswith("--prefix=")]
    (tmp_path / "pip.conf").write_text(f"[global]\n{line}\n")
    environment = {**os.environ, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    pip = [tmp_path / ".venv/bin/python", *argv[:3], *options, f"--prefix={tmp_path / '.venv'}", "--no-index"]
    subprocess.run([*pip, _wheel(tmp_path)], cwd=tmp_path, env=environment, check=True)
    assert list(tmp_path.glob(".venv/lib/*/site-packages/one_package.py"))
    assert not (tmp_path / "elsewhere").exists()


def _wheel(folder: Path) -> Path:
    """Make a package of one module."""
    path = folder / "one_package-1-py3-none-any.whl"
    facts = "one_package-1.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("one_package.py", "")
        wheel.writestr(f"{facts}/METADATA", "Metadata-Version: 2.1\nName: one-package\nVersion: 1\n")
        wheel.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{facts}/RECORD", "")
    return path
