"""What becomes of each file of a folder: by an import into a cloud, or by the decoder alone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.decoding import BLANK, refusal
from photo_labels.library.importing import ends as import_ends
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import Importer
from photo_labels.library.importing.journal import Journal
from photo_labels.library.table_reader import TableReader
from photo_labels.records.documents import image_id
from photo_labels.records.formats import SIGNATURE_BYTES, format_by_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from corpus.decoding import Refusal
    from photo_labels.library.target import Target
    from photo_labels.records.formats import PhotoFormat


class End(Enum):
    """What became of a file."""

    LABELLED = "LABELLED"
    REJECTED = "REJECTED"
    # By its name or its beginning it is no photo.
    SKIPPED = "skipped"
    NOT_UPLOADED = "not uploaded"
    UNACCOUNTED = "unaccounted"


@dataclass(frozen=True, slots=True)
class FileEnd:
    """One file's end; `reason`: for machines, of a rejection; `detail`: a sentence."""

    path: Path
    end: End
    reason: str = ""
    detail: str = ""


def imported(target: Target, folder: Path, tell: Callable[[str], None]) -> list[FileEnd]:
    """Import a folder, wait for all labels, and say what became of each file. Raises UserError: there is no photo.

    `tell` is told how it is going.
    """
    with Journal(None) as kept:
        importer = Importer(target, kept)
        importer.find(PhotoFinder(target.outputs.keys.prefix), [folder], lambda _count: None)
        importer.on_progress = lambda progress: tell(f"importing: {progress.counts.ended:,} have ended")
        stop = importer.run()
        if stop and stop.is_interruption:
            raise KeyboardInterrupt
        files = list(kept.files(but_labelled=False))
    images = {file.path: image_id(target.outputs.bucket, file.content_key or "") for file in files}
    documents = TableReader(target).documents(list(dict.fromkeys(images.values())))
    ends = []
    for file in files:
        document = documents.get(images[file.path])
        if file.end is import_ends.End.LABELLED:
            ends.append(FileEnd(file.path, End.LABELLED))
        elif file.end is import_ends.End.REJECTED and document:
            ends.append(FileEnd(file.path, End.REJECTED, document.reason or "", document.detail or ""))
        elif file.end in {import_ends.End.NOT_UPLOADED, import_ends.End.IMPOSSIBLE, import_ends.End.EMPTY}:
            ends.append(FileEnd(file.path, End.NOT_UPLOADED, detail=file.why))
        else:
            ends.append(FileEnd(file.path, End.UNACCOUNTED, detail=file.why))
    return _with_skipped(folder, ends)


def by_decoder(folder: Path, tell: Callable[[str], None]) -> list[FileEnd]:
    """Decode each photo of a folder as the function does; nothing is uploaded, nobody looks for labels."""
    found = list(PhotoFinder("").find([folder]))
    ends = [FileEnd(one.path, End.NOT_UPLOADED, detail=one.why) for one in found if one.why]
    photos = [one.path for one in found if not one.why]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, (path, why) in enumerate(zip(photos, pool.map(refusal, photos), strict=True), 1):
            ends.append(_as_imported(path, why))
            tell(f"decoding: {number:,} of {len(photos):,}")
    return _with_skipped(folder, ends)


def _as_imported(path: Path, why: Refusal | None) -> FileEnd:
    """Return the end that an import has: Rekognition reads JPEG and PNG itself, and takes those of one colour."""
    found = format_of(path)
    if not why or (why.reason == BLANK and found and found.is_read_by_rekognition):
        return FileEnd(path, End.LABELLED)
    return FileEnd(path, End.REJECTED, why.reason, why.detail)


def format_of(path: Path) -> PhotoFormat | None:
    """Return the format of a file by its content; None: it is no photo."""
    with path.open("rb") as file:
        return format_by_content(file.read(SIGNATURE_BYTES))


def _with_skipped(folder: Path, ends: Iterable[FileEnd]) -> list[FileEnd]:
    """Add those of a folder that nobody has looked at."""
    by_path = {end.path: end for end in ends}
    skipped = {path: FileEnd(path, End.SKIPPED) for path in _files(folder) if path not in by_path}
    return sorted((by_path | skipped).values(), key=lambda one: one.path)


def _files(folder: Path) -> Iterator[Path]:
    """Go through the regular files of a folder, as the import does: neither hidden ones nor links to folders."""
    for place, folders, names in os.walk(Path(os.path.abspath(folder))):  # noqa: PTH100 - as the import has it
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))
