"""Labels of photos that Rekognition does not read as they are: downloaded, decoded, scaled, shown as bytes.

The decoder is a process of its own for each photo (`photo_labels.records.decoder`): where it crashes, or takes
too much memory or time, only this photo fails.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from handler.deadline import call
from handler.results import Decoded, UnreadableObjectError
from handler.timeouts import S3
from photo_labels.records.errors import PermanentError, TransientError, status_of
from photo_labels.records.formats import MAX_FILE_BYTES
from photo_labels.records.metadata.reading import metadata_by

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from handler.deadline import Deadline
    from handler.rate_limiter import SlotRequest
    from handler.recognition import Recogniser
    from handler.results import CallStats, Recognised, S3Object
    from photo_labels.records.metadata.reading import Metadata

_CHUNK_BYTES = 2**20
# Of a decoder that crashes: one crash may be the machine's, two in a row are the photo's.
_TRIES = 2
# More than the seconds of CPU that the decoder gives itself.
_MAX_DECODE_S = 35.0
_TO_RECOGNISE_S = 7.0
_MODULES = Path(__file__).resolve().parent.parent


class Converter:
    """Recognises photos by their bytes; each call runs a decoder process."""

    def __init__(self, client: S3Client, recogniser: Recogniser, command: tuple[str, ...] = ()) -> None:
        """`command` starts the decoder."""
        self._client = client
        self._recogniser = recogniser
        self._command = command or (sys.executable, "-m", "photo_labels.records.decoder")

    def detect(self, photo: S3Object, slot: SlotRequest, deadline: Deadline, stats: CallStats) -> Recognised:
        """Detect the labels of an S3 object in any format that the decoder knows.

        Raises what `Recogniser.detect` does; PermanentError also for what cannot be decoded.
        """
        # Both have no name, so that nothing stays in /tmp when the environment is killed.
        with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as answer:
            version = {"VersionId": photo.version_id} if photo.version_id else {}
            place = {"Bucket": photo.bucket, "Key": photo.key} | version
            call(lambda: self._download(place, file, deadline), deadline, S3.call_s)
            self._decode(file, answer, deadline)
            stats.decoded, jpeg = _read(answer)
            metadata = _metadata_in(file)
        found = self._recogniser.detect_in(jpeg, slot, deadline, stats)
        return replace(
            found,
            orientation=stats.decoded.orientation,
            is_truncated=stats.decoded.is_truncated,
            metadata=metadata,
        )

    def _download(self, place: dict[str, str], photo: IO[bytes], deadline: Deadline) -> None:
        photo.seek(0)
        photo.truncate()
        try:
            answer = self._client.get_object(**place)  # type: ignore[arg-type]
        except ClientError as error:
            if status_of(error) in range(400, 500):
                raise UnreadableObjectError(str(error)) from error
            raise
        with closing(answer["Body"]) as body:
            if answer["ContentLength"] == 0:
                raise UnreadableObjectError("The file is empty.")
            if answer["ContentLength"] > MAX_FILE_BYTES:
                raise PermanentError(
                    "FileTooLarge",
                    f"The file has {answer['ContentLength'] / 1e6:,.0f} MB; at most {MAX_FILE_BYTES / 1e6:,.0f} "
                    "are converted. Scale it down.",
                )
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                photo.write(chunk)
                deadline.require(_TO_RECOGNISE_S)
        photo.flush()

    def _decode(self, photo: IO[bytes], answer: IO[bytes], deadline: Deadline) -> None:
        """Run the decoder, once more where it crashes. Raises PermanentError where it does so again."""
        said = ""
        for _ in range(_TRIES):
            photo.seek(0)
            answer.seek(0)
            answer.truncate()
            deadline.require(_TO_RECOGNISE_S)
            try:
                done = subprocess.run(
                    self._command,
                    stdin=photo,
                    stdout=answer,
                    stderr=subprocess.PIPE,
                    cwd=_MODULES,
                    env={"MALLOC_ARENA_MAX": "1"},  # and so no credentials
                    timeout=min(_MAX_DECODE_S, deadline.remaining_s() - _TO_RECOGNISE_S + 1),
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise TransientError("DecoderTooSlow", "the photo was not decoded in time") from error
            if done.returncode == 0:
                return
            if done.returncode == -signal.SIGXCPU:  # and would take as long again
                raise PermanentError("DecoderTooSlow", "Its decoder takes more than 30 seconds of CPU.")
            said = _how_it_ended(done.returncode, done.stderr.decode(errors="replace"))
        raise PermanentError("DecoderCrashed", f"Its decoder ended {_TRIES} times without an answer: {said}.")


def _metadata_in(photo: IO[bytes]) -> Metadata | None:
    """Return what a downloaded photo says of itself."""

    def read(start: int, length: int) -> bytes:
        photo.seek(start)
        return photo.read(length)

    return metadata_by(read, size=photo.seek(0, os.SEEK_END))


def _how_it_ended(code: int, printed: str) -> str:
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    lines = printed.strip().splitlines()
    return lines[-1][:200] if lines else f"exit code {code}"


def _read(answer: IO[bytes]) -> tuple[Decoded, bytes]:
    """Read the decoder's answer. Raises PermanentError where it says that the photo cannot be decoded."""
    answer.seek(0)
    facts = json.loads(answer.readline())
    if "reason" in facts:
        raise PermanentError(facts["reason"], facts["detail"])
    return Decoded(**facts), answer.read()
