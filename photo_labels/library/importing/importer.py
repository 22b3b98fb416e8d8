"""Importing photos: find them, upload what is new, and wait until each is accounted for."""

from __future__ import annotations

import math
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from shlex import quote
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from photo_labels.library.importing.ends import End
from photo_labels.library.importing.finder import NO_SUFFIX
from photo_labels.library.importing.journal import AT_ONCE
from photo_labels.library.importing.line import AT_A_TIME, Line
from photo_labels.library.importing.pace import MOST, Pace
from photo_labels.library.importing.patience import PATIENCE, Watch
from photo_labels.library.importing.uploader import (
    Bucket,
    ConnectionLostError,
    SlowDownError,
    StopError,
    UntouchedBucket,
    Upload,
    Uploader,
)
from photo_labels.library.skipped import parts_of
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import CONNECTION_LOST, UserError, user_message
from photo_labels.records.documents import image_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from photo_labels.library.importing.finder import PhotoFinder
    from photo_labels.library.importing.journal import File, ImportCounts, Journal, Waiting
    from photo_labels.library.importing.patience import GivenUp, Hold, Patience
    from photo_labels.library.retention import QueueRoom
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

# The longest that a lost connection is waited for, or an S3 that asks to slow down at each request.
_OFFLINE_S = 300.0
_RECONNECT_S = 3.0
_LOOK_S = 0.05
_TELL_S = 0.2
_FOUND_AT_A_TIME = 500
_PURGED = (
    "What was known of it was purged, and it has not changed since: `photos backfill --all --force {place}` "
    "labels it again."
)


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """The progress of an import."""

    counts: ImportCounts
    # Uploads.
    at_a_time: int
    # For how long AWS has not been reached; 0: it is.
    offline_s: float
    # For how long nothing has been uploaded and nothing has ended.
    quiet_s: float
    # The first in line that is waited for; None: there is none.
    waits_for: str | None
    # None: as far as is known nothing holds the photos up.
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an import stopped before its end."""

    why: str
    # By Ctrl-C.
    is_interruption: bool


class Importer:
    """One import into one pipeline."""

    def __init__(
        self,
        target: Target,
        journal: Journal,
        *,
        room: QueueRoom | None = None,
        is_replacing: bool = False,
        is_dry: bool = False,
        patience: Patience = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`room`: as many photos are uploaded at most; None: all.

        `is_dry`: nothing is sent; pass a copy of the journal, for it records what would be.
        """
        self._bucket = target.outputs.bucket
        self._log_groups = [function.log_group for function in target.outputs.functions]
        self._journal = journal
        self._is_dry = is_dry
        self._objects = UntouchedBucket(target) if is_dry else Bucket(target)
        self._uploader = Uploader(self._objects, journal, clock, room=room, is_replacing=is_replacing)
        self._reader = TableReader(target)
        self.on_progress: Callable[[ImportProgress], None] = lambda _progress: None
        self._clock = clock
        self._pause = pause
        self._pace = Pace(clock)
        self._line = Line(journal, clock)
        self._patience = patience
        self._watch = Watch(target, journal, patience, clock)
        self._uploading: dict[Future[None], Upload] = {}
        self._files = self._to_upload()
        self._is_pass_over = False
        self._is_any_in_pass = False
        self._is_all_sent = False
        self._offline_since: float | None = None
        # Since when S3 has asked for fewer requests, and has taken none; None: it takes them.
        self._slow_since: float | None = None
        self._try_again_at = 0.0
        self._is_resuming = False
        self._all_looked_for_at = -math.inf
        self._is_last_look = False
        self._given_up: GivenUp | None = None
        self._tell_at = 0.0

    def find(self, finder: PhotoFinder, paths: Sequence[Path], on_found: Callable[[int], None]) -> None:
        """Find everything. Raises UserError where a path is not there, or nothing is to be imported."""
        self._journal.begin()
        found, count = finder.find(paths), 0
        while some := list(islice(found, _FOUND_AT_A_TIME)):
            self._journal.add(some)
            count += len(some)
            on_found(count)
        if not count:
            raise UserError(_nothing_in(paths, finder))
        self._journal.look_for_known(self._clock())

    def look_at_known(self) -> None:
        """Look once at each photo that was imported before: so it is known which have to be uploaded again.

        The others either end, or wait for their labels as what is uploaded now does.
        """
        self._journal.look_for_all()
        while some := self._journal.to_look_for(AT_ONCE, AT_A_TIME):
            self._look_for(some)
            self._tell()
        self._journal.look_for_known(self._clock())

    def find_open(self) -> None:
        """Find what earlier imports have uploaded and have not seen the end of.

        `run` uploads nothing then, and looks at each photo once where it is not to wait.
        """
        self._is_resuming = True
        self._journal.begin_with_open(self._clock())

    def run(self, *, is_waiting: bool = True) -> Stop | None:
        """Upload, and wait for the labels if asked to; return why it stopped early, if it did.

        Whatever happens, every file has an end in the journal, and another run resumes.
        """
        stop = None
        self._watch.uploaded()
        if self._is_resuming and not is_waiting:
            self._journal.look_for_all()
        with ThreadPoolExecutor(MOST) as pool:
            try:
                while self._is_going_on(pool, is_waiting=is_waiting):
                    pass
            except StopError as error:
                stop = Stop(str(error), is_interruption=False)
            except KeyboardInterrupt:
                stop = Stop("Stopped: the same command resumes.", is_interruption=True)
            pool.shutdown(wait=True, cancel_futures=True)
        self._close(stop, is_waiting=is_waiting)
        return stop

    def _is_going_on(self, pool: ThreadPoolExecutor, *, is_waiting: bool) -> bool:
        """Do some of everything there is to do; tell whether there is more."""
        self._submit(pool)
        looked_for = [] if self._is_pausing else self._to_look_for(is_waiting=is_waiting)
        if self._uploading:
            self._take_note(0.0 if looked_for else _LOOK_S)
        elif self._is_all_sent and not self._is_any_awaited(is_waiting=is_waiting):
            return False
        elif not looked_for:
            self._pause(_LOOK_S)
        self._tell()
        try:
            if is_waiting and not self._is_pausing:
                self._watch.look_for_hold()
            self._look_for(looked_for)
            return bool(self._uploading) or not (self._is_all_sent and is_waiting and self._is_stuck())
        except CONNECTION_LOST as error:
            self._note_offline(ConnectionLostError(str(error)))
            return True
        except (BotoCoreError, ClientError) as error:
            raise StopError(user_message(error)) from error

    def _is_any_awaited(self, *, is_waiting: bool) -> bool:
        if is_waiting:
            return self._journal.is_waiting()
        return self._is_resuming and self._journal.is_looking_for_all()

    # Uploading

    def _to_upload(self) -> Iterator[File | None]:
        """Pass by pass, each file that is to be read, and None at the end of a pass; of an empty one at last.

        What is left for another pass are copies of a photo that did not arrive, and what could not be sent for the
        moment.
        """
        while True:
            last = None
            while files := self._journal.next_files(last):
                yield from files
                last = files[-1].path
            yield None

    def _submit(self, pool: ThreadPoolExecutor) -> None:
        self._is_all_sent = False
        if self._is_pausing or (self._is_pass_over and self._uploading):
            return
        at_a_time = 1 if self._offline_since is not None else self._pace.at_a_time
        while len(self._uploading) < at_a_time:
            file = next(self._files)
            self._is_pass_over = file is None
            if file is None:
                self._is_all_sent = not self._is_any_in_pass
                self._is_any_in_pass = False
                return
            self._is_any_in_pass = True
            upload = Upload(file, self._uploading.values())
            self._uploading[pool.submit(self._uploader.upload, upload)] = upload

    @property
    def _is_pausing(self) -> bool:
        """AWS could not be reached a moment ago."""
        return self._offline_since is not None and self._clock() < self._try_again_at

    def _take_note(self, seconds: float) -> None:
        done, _ = wait(self._uploading, seconds, FIRST_COMPLETED)
        for future in done:
            del self._uploading[future]
        for future in done:
            try:
                future.result()
            except SlowDownError as error:
                self._pace.slow_down()
                self._note_slow(error)
            except ConnectionLostError as error:
                self._note_offline(error)
            else:
                self._pace.done()
                self._offline_since = self._slow_since = None
                self._watch.uploaded()

    def _note_slow(self, error: SlowDownError) -> None:
        now = self._clock()
        self._slow_since = now if self._slow_since is None else self._slow_since
        if now - self._slow_since > _OFFLINE_S:
            raise StopError(f"S3 has taken nothing for {_OFFLINE_S:.0f} s ({error}): run it again later.")

    def _note_offline(self, error: ConnectionLostError) -> None:
        now = self._clock()
        self._offline_since = now if self._offline_since is None else self._offline_since
        self._try_again_at = now + _RECONNECT_S
        if now - self._offline_since > _OFFLINE_S:
            raise StopError(f"AWS has not been reached for {_OFFLINE_S:.0f} s ({error}): run it again later.")

    # Waiting

    def _to_look_for(self, *, is_waiting: bool) -> list[Waiting]:
        if is_waiting:
            return self._line.due()
        return self._journal.to_look_for(AT_ONCE, AT_A_TIME) if self._is_resuming else []

    def _look_for(self, some: Sequence[Waiting]) -> None:
        if not some:
            return
        documents = self._reader.documents([image_id(self._bucket, one.key) for one in some])
        self._offline_since = None
        self._line.looked(
            len(some), [one for one in some if self._is_over(one, documents.get(image_id(self._bucket, one.key)))]
        )

    def _is_over(self, one: Waiting, document: Document | None) -> bool:
        """Note what became of a photo; tell whether it is waited for no longer."""
        if document and document.etag == one.etag and document.status != "REMOVED":
            is_labelled = document.status == "LABELLED"
            why = "" if is_labelled else f"{document.reason}: {document.detail}"
            end = End.LABELLED if is_labelled else End.REJECTED
            self._journal.ended(one, end, why, self._clock() - one.since if one.is_new else None)
            self._watch.ended(one.place, document)
            return True
        if not one.is_there or (document is not None and document.status == "REMOVED"):
            last_modified = self._objects.last_modified(one.key, one.etag)
            if last_modified is None:
                self._note_gone(one)
                return True
            if document and document.was_purged_after(last_modified):
                self._journal.ended(
                    one, End.PURGED, _PURGED.format(place=quote(f"s3://{document.image_id}")), None
                )
                return True
        self._journal.look_again(one, self._line.again_at(one))
        return False

    def _note_gone(self, one: Waiting) -> None:
        if one.is_new or self._is_resuming:
            self._journal.ended(one, End.REMOVED, "Somebody deleted it from the bucket, or replaced it.", None)
        else:
            self._journal.gone(one)

    def _is_stuck(self) -> bool:
        """Tell whether not to wait any longer.

        Pauses between two looks at a photo may be long: everything is looked at once more before.
        """
        if self._is_pausing:
            return False
        self._given_up = self._watch.given_up()
        if self._offline_since is not None:
            if self._watch.looked_at < self._offline_since:
                return False
            self._offline_since = None
        if self._given_up and self._is_last_look:
            return not self._journal.is_looking_for_all()
        now, is_last_look = self._clock(), self._given_up is not None
        is_due = self._watch.is_turn_over and now >= self._all_looked_for_at + self._patience.empty_s
        if is_due or is_last_look:
            self._journal.look_for_all()
            self._all_looked_for_at = now
        self._is_last_look = is_last_look
        return False

    # Telling

    def _tell(self) -> None:
        now = self._clock()
        if now < self._tell_at:
            return
        offline_s = 0.0 if self._offline_since is None else now - self._offline_since
        self.on_progress(
            ImportProgress(
                self._journal.counts(),
                len(self._uploading),
                offline_s,
                self._watch.quiet_s,
                self._journal.first_waiting(),
                self._watch.hold,
            )
        )
        # Counting takes longer the more files there are.
        self._tell_at = self._clock() + max(_TELL_S, 20 * (self._clock() - now))

    def _close(self, stop: Stop | None, *, is_waiting: bool) -> None:
        if self._is_dry:
            self._journal.close_dry()
        end, why = End.UPLOADED, "It is uploaded, and will be labelled later."
        if is_waiting and not stop:
            end, why = End.UNACCOUNTED, self._why_not()
        self._journal.close(end, why, "The import was stopped before its turn: run it again.")

    def _why_not(self) -> str:
        said = self._given_up.value if self._given_up else ""
        return (
            f"No news of it for {self._watch.quiet_s:.0f} s, and {said}. Look at photos failures, at photos "
            f"status, and for its name in the log groups {' and '.join(self._log_groups)}; photos import "
            "--resume waits for it again."
        )


def _nothing_in(paths: Sequence[Path], finder: PhotoFinder) -> str:
    """Say that there is nothing to import, and what there is instead."""
    named, files = ", ".join(str(path) for path in paths), finder.left_alone.total()
    sentences = [f"There are no photos in {named}: {_none_of(files)}."]
    if finder.skipped:
        sentences.append(f"Skipped: {', '.join(parts_of(finder.skipped))}.")
    if finder.skipped_folders:
        sentences.append(f"Folders that were not looked into: {', '.join(parts_of(finder.skipped_folders))}.")
    if unlabelled := finder.left_alone[NO_SUFFIX]:
        sentences.append(f"{unlabelled:,} would not be labelled: see the parameter KeySuffixes.")
    return " ".join(sentences)


def _none_of(files: int) -> str:
    if files == 0:
        return "no file is there to be imported"
    return "the file there is not to be imported" if files == 1 else f"of {files:,} files none is to be imported"
