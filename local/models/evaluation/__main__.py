"""`make bench-vision`: the local vision models judged by photos of which it is known what they show.

By default those of `photos.tsv`, in two parts: `tuning`, by which thresholds and the like are chosen, and `held
out`, by which nothing is but which scenes are kept. With DIR= those of a folder of one's own: beside a
`photos.tsv` with the columns file, subject, labels and plausible, judged by it; without one, only counted and
timed. From: so many per cent on a label counts. CPU: a photo's labels, once it is decoded. What is named as wrong
is so from 80 per cent on. The second table: of the labels said with that confidence, so many are right.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from local.folders import Folder
from local.models.evaluation.decoding import decoded
from local.models.evaluation.photos import LIST, Photo, fetch, photos_in
from local.models.evaluation.score import BANDS, LEAST, Score, Seen, score, sure
from local.models.vision import Vision
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run
from photo_labels.terminal.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CACHE = Path(tempfile.gettempdir()) / "photo-labels-photos"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--folder", type=Folder(exists=True), help="With your own photos, and a photos.tsv, if there is one."
)
def main(folder: Path | None) -> None:
    """Say how many labels of photos are right, how many are found, and what it takes.

    \b
    make bench-vision
    make bench-vision DIR=samples
    .venv/bin/python -m local.models.evaluation --folder samples
    """  # noqa: D301 - click reads \b
    console = Console(highlight=False)
    with Console(stderr=True).status("starting") as status:
        parts = _own(folder) if folder else _listed(status.update)
        vision = Vision()
        answers = {name: _answers(photos, vision, status.update) for name, photos in parts.items()}
    answers = {name: some for name, some in answers.items() if some}
    if not answers:
        raise UserError("There is no photo to look at: name another folder with DIR=.")
    if len(answers) > 1:
        answers["all"] = [one for some in answers.values() for one in some]
    table = Table("photos", "", "from", "without a label", "subject named", "precision", "recall", "CPU", box=None)
    for least in LEAST:
        for name, some in answers.items():
            scored = score([one.seen(least) for one in some], vision.table)
            table.add_row(name, *_cells(scored, least))
    console.print(table, "")
    last = list(answers.values())[-1]
    if any(one.expected for one in last):
        console.print(_calibration(answers, vision))
    _show_wrong([one.seen(LEAST[0]) for one in last], vision, console)


@dataclass(frozen=True, slots=True)
class _Answer:
    """All that is said of a photo."""

    file: str
    labels: list[dict[str, Any]]
    cpu_s: float
    expected: Photo | None

    def seen(self, least: float, below: float = math.inf) -> Seen:
        return Seen(self.file, sure(self.labels, least, below), self.cpu_s, self.expected)


def _listed(tell: Callable[[str], None]) -> dict[str, dict[Path, Photo | None]]:
    expected = photos_in(LIST)
    found = fetch(expected, _CACHE, tell)
    return {
        part: {path: photo for photo, path in found.items() if photo.is_held_out == is_held_out}
        for part, is_held_out in (("tuning", False), ("held out", True))
    }


def _own(folder: Path) -> dict[str, dict[Path, Photo | None]]:
    """Raises UserError."""
    try:
        expected = photos_in(folder / LIST.name) if (folder / LIST.name).is_file() else []
    except (KeyError, ValueError) as error:
        raise UserError(f"{LIST.name} needs the columns file, subject, labels and plausible, in UTF-8.") from error
    by_path = {folder / photo.file: photo for photo in expected}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {"yours": {path: by_path.get(path) for path in paths}}


def _answers(photos: dict[Path, Photo | None], vision: Vision, tell: Callable[[str], None]) -> list[_Answer]:
    """Label what can be decoded here: what Pillow reads."""
    answers = []
    for number, (path, expected) in enumerate(photos.items(), 1):
        tell(f"photo {number:,} of {len(photos):,}")
        if (photo := decoded(path)) is None:
            continue
        start = time.process_time()
        labels = vision.detect_labels(photo)
        taken_s = time.process_time() - start
        answers.append(_Answer(expected.file if expected else path.name, labels, taken_s, expected))
    return answers


def _calibration(answers: dict[str, list[_Answer]], vision: Vision) -> Table:
    table = Table("confidence", *(f"right, {name}" for name in answers), box=None)
    for least, below in zip(BANDS, (math.inf, *BANDS), strict=False):
        scores = [score([one.seen(least, below) for one in some], vision.table) for some in answers.values()]
        shares = (_percent(scored.precision) for scored in scores)
        table.add_row(f"{least:.0f} to {min(below, 100):.0f} %", *shares)
    return table


def _cells(scored: Score, least: float) -> list[str]:
    shares = (scored.without_labels, scored.subjects_named, scored.precision, scored.recall)
    return [
        f"{scored.photos:,}",
        f"{least:.0f} %",
        *(_percent(share) for share in shares),
        f"{scored.cpu_ms:.0f} ms",
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _show_wrong(seen: Sequence[Seen], vision: Vision, console: Console) -> None:
    wrong = [(one.file, one.wrong(vision.table)) for one in seen if one.expected and one.wrong(vision.table)]
    if wrong:
        console.print("\nNot to be seen in the photo:")
    for file, names in wrong:
        console.print(f"  {safe(file)}: {', '.join(sorted(names))}", markup=False)


if __name__ == "__main__":
    run(lambda: main.main(standalone_mode=False), "bench-vision")
