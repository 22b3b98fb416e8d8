"""Importing a folder: upload every photo, and wait until each is accounted for."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError

from handler.documents import Document, image_id
from photos.finding import find
from photos.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from photos.target import Target

End = Literal["labelled", "rejected", "removed meanwhile", "not uploaded", "unaccounted for"]
ENDS: tuple[End, ...] = ("labelled", "rejected", "removed meanwhile", "not uploaded", "unaccounted for")

UPLOADS_AT_A_TIME = 8
_LOOK_S = 0.05
_MOST_PAUSE_S = 1.0
PATIENCE_S = 150.0
"""Without any progress. Longer than the 120 s for which a killed invocation hides its messages."""


@dataclass(slots=True)
class Photo:
    """One file, and what became of it."""

    path: Path
    key: str | None
    end: End | None = None
    why: str = ""
    etag: str = ""
    started: float = 0.0
    seconds: float | None = None
    """From the start of the PUT to when a reader saw the document. Its index rows are written before it."""
    document: Document | None = None


@dataclass(slots=True)
class ImportResult:
    """All photos that were found: each has an end."""

    photos: list[Photo]
    left_alone: int
    """Files that are no photos by their name."""
    interrupted: bool = False

    def counts(self) -> Counter[str]:
        return Counter(str(photo.end) for photo in self.photos)

    @property
    def is_complete(self) -> bool:
        """Tell whether every photo is labelled or rejected."""
        return all(photo.end in {"labelled", "rejected"} for photo in self.photos)


@dataclass(slots=True)
class Progress:
    """How far an import is."""

    found: int
    uploaded: int = 0
    ended: Counter[str] = field(default_factory=Counter)


class Importer:
    """One import into one pipeline."""

    def __init__(
        self,
        target: Target,
        on_progress: Callable[[Progress], None] = lambda _progress: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bucket = target.outputs["Bucket"]
        self._key_prefix = target.outputs["KeyPrefix"]
        self._log_group = target.outputs["LogGroup"]
        self._s3 = target.client("s3", connections=UPLOADS_AT_A_TIME)
        self._reader = Reader(target)
        self._on_progress = on_progress
        self._clock = clock

    def run(self, folder: Path) -> ImportResult:
        """Raises UserError where there is nothing to import; everything else is some photo's end."""
        found, left_alone = find(folder, self._key_prefix)
        photos = [Photo(one.path, one.key, None if one.key else "not uploaded", one.why) for one in found]
        result = ImportResult(photos, left_alone)
        pool = ThreadPoolExecutor(UPLOADS_AT_A_TIME)
        uploads = {pool.submit(self._upload, photo): photo for photo in photos if photo.end is None}
        try:
            self._follow(result, uploads)
        except KeyboardInterrupt:
            result.interrupted = True
            pool.shutdown(wait=True, cancel_futures=True)
            self._give_up(result, "It is uploaded, and will be labelled although nobody waits for it.")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return result

    def _upload(self, photo: Photo) -> None:
        photo.started = self._clock()
        with photo.path.open("rb") as file:
            answer = self._s3.put_object(Bucket=self._bucket, Key=photo.key, Body=file)
        photo.etag = answer["ETag"].strip('"')

    def _follow(self, result: ImportResult, uploads: dict[Future[None], Photo]) -> None:
        """Take note of uploads and documents as they come, until every photo has an end."""
        progress = Progress(len(result.photos))
        uploading, waiting = set(uploads), dict[str, Photo]()
        last_progress, pause_s = self._clock(), _LOOK_S
        while uploading or waiting:
            before = progress.uploaded + sum(progress.ended.values())
            done, uploading = wait(uploading, pause_s, FIRST_COMPLETED) if uploading else (set(), set())
            if not done and not uploading:
                self._pause(pause_s)
            for future in done:
                photo = uploads[future]
                if self._is_uploaded(photo, future):
                    progress.uploaded += 1
                    waiting[image_id(self._bucket, photo.key or "")] = photo
            for image, document in self._reader.documents(list(waiting)).items():
                if self._has_ended(waiting[image], document):
                    del waiting[image]
            progress.ended = Counter(str(photo.end) for photo in result.photos if photo.end)
            self._on_progress(progress)
            if progress.uploaded + sum(progress.ended.values()) > before:
                last_progress, pause_s = self._clock(), _LOOK_S + len(waiting) / 2000
            elif self._clock() - last_progress > PATIENCE_S:
                where = f"look at the dead-letter queue, and at the log group {self._log_group}"
                self._give_up(result, f"No news of it for {PATIENCE_S:.0f} s: {where}.")
                return
            pause_s = min(pause_s * 1.1, _MOST_PAUSE_S)

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def _is_uploaded(self, photo: Photo, future: Future[None]) -> bool:
        error = future.exception()
        if isinstance(error, ClientError | BotoCoreError):
            photo.why = f"S3 did not take it: {error}"
        elif isinstance(error, OSError):
            photo.why = f"It cannot be read: {error.strerror or error}."
        elif error:
            raise error
        if error:
            photo.end = "not uploaded"
        return error is None

    def _has_ended(self, photo: Photo, document: Document) -> bool:
        """Tell whether a document is that of this very upload: of its content, or a newer truth."""
        if document.status == "REMOVED":
            # The tombstone of an earlier photo of that name is replaced soon; one that stays is given up on.
            return False
        if document.etag != photo.etag:
            return False
        photo.document, photo.seconds = document, self._clock() - photo.started
        photo.end = "labelled" if document.status == "LABELLED" else "rejected"
        return True

    def _give_up(self, result: ImportResult, why: str) -> None:
        """Give an end to every photo that has none; `why` is said of those that are uploaded."""
        for photo in result.photos:
            if photo.end is not None:
                continue
            if not photo.etag:
                photo.end, photo.why = "not uploaded", "The import was stopped before its turn."
                continue
            image = image_id(self._bucket, photo.key or "")
            document = self._reader.documents([image]).get(image)
            if document and document.status == "REMOVED":
                photo.end, photo.why = "removed meanwhile", "Somebody deleted it from the bucket."
                continue
            photo.end, photo.why = "unaccounted for", why


def import_folder(
    target: Target, folder: Path, on_progress: Callable[[Progress], None] = lambda _progress: None
) -> ImportResult:
    """Upload the photos of a folder and wait for what becomes of each."""
    return Importer(target, on_progress).run(folder)
