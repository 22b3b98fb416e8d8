"""A folder of photos, imports of it, and what they did to the bucket."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console

from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import Importer
from photo_labels.library.importing.journal import Journal
from photo_labels.terminal.import_display import show_summary
from tests.unit.deployed import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from photo_labels.library.importing.importer import Stop
    from photo_labels.library.importing.journal import File, ImportCounts
    from photo_labels.library.target import Target


class Disk:
    """A folder, imports of it, and what they did to S3."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self.folder = folder / "photos"
        self.folder.mkdir()
        self.journal_path: Path | None = folder / "journal.sqlite"
        # By key, those that S3 took.
        self.puts: Counter[str] = Counter()
        self.before_put: Callable[[str], None] = lambda _key: None
        self.after_put: Callable[[str], None] = lambda _key: None

    def write(self, *names: str, body: bytes | None = None) -> None:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode() if body is None else body)

    def content(self, key: str) -> bytes:
        """What the bucket has."""
        body: bytes = self.target.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def run(
        self, *, finder: PhotoFinder | None = None, paths: list[Path] | None = None, **options: Any
    ) -> JobResult:
        """One import, in a process of its own as far as it can tell."""
        is_waiting = options.pop("is_waiting", True)
        on_progress = options.pop("on_progress", None)
        finder = finder or PhotoFinder("")
        with Journal(self.journal_path) as journal:
            importer = Importer(self.target, journal, **options)
            self._watch(importer)
            if on_progress:
                importer.on_progress = on_progress
            importer.find(finder, paths or [self.folder], lambda _count: None)
            stop = importer.run(is_waiting=is_waiting)
            return JobResult(journal, finder, stop)

    def _watch(self, importer: Importer) -> None:
        s3 = importer._objects._s3
        put_object = s3.put_object

        def watched(**parameters: Any) -> Any:
            self.before_put(parameters["Key"])
            answer = put_object(**parameters)
            self.puts[parameters["Key"]] += 1
            self.after_put(parameters["Key"])
            return answer

        s3.put_object = watched


class JobResult:
    """What a journal says in the end."""

    def __init__(self, journal: Journal, finder: PhotoFinder, stop: Stop | None) -> None:
        self.stop = stop
        self.counts: ImportCounts = journal.counts()
        self.files: dict[str, File] = {file.path.name: file for file in journal.files(but_labelled=False)}
        console = Console(width=200, record=True, file=io.StringIO())
        show_summary(console, journal, finder)
        self.told = console.export_text()
        assert self.counts.ended == self.counts.found == len(list(journal.files(but_labelled=False)))

    def ends(self) -> dict[str, str]:
        return {name: file.end.value if file.end else "" for name, file in self.files.items()}
