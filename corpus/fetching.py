"""`python -m corpus.fetching FOLDER`: bring the listed files of each repository to FOLDER/OWNER/NAME, with git.

Only those files are transferred. The second run transfers nothing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from corpus.expected import expectations, repositories
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run
from photo_labels.terminal.text import counted

_GITHUB = "https://github.com"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Bring the files of the list into a folder."""
    files = expectations()
    for repository in repositories():
        paths = [one.path for one in files if one.repository == repository.name]
        print(f"{repository.name}: {counted(len(paths), 'file')}", file=sys.stderr)
        try:
            fetch(f"{_GITHUB}/{repository.name}.git", repository.commit, paths, folder / repository.name)
        except subprocess.CalledProcessError as error:
            raise UserError(f"The files of {repository.name} are not here: git says why. Run it again.") from error


def fetch(url: str, commit: str, paths: list[str], folder: Path) -> None:
    """Check out some files of a repository, as they are at a commit. Raises CalledProcessError; git says why."""
    folder.mkdir(parents=True, exist_ok=True)
    git = ["git", "-C", str(folder), "-c", "core.autocrlf=false"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "config", "remote.origin.url", url], check=True)
    # Each a pattern of .gitignore's that matches this one path.
    patterns = "".join(f"/{_literal(path)}\n" for path in paths)
    subprocess.run([*git, "sparse-checkout", "set", "--no-cone", "--stdin"], input=patterns, text=True, check=True)
    subprocess.run([*git, "fetch", "--quiet", "--depth=1", "--filter=blob:none", "origin", commit], check=True)
    subprocess.run([*git, "checkout", "--quiet", "--force", "FETCH_HEAD"], check=True)


def _literal(path: str) -> str:
    return "".join(f"\\{letter}" if letter in "*?[]\\ " else letter for letter in path)


if __name__ == "__main__":
    run(lambda: main.main(standalone_mode=False), "corpus")
