"""Make any photo a JPEG that Rekognition reads: upright, RGB, small. Runs in a process of its own.

    python -m photo_labels.records.decoder < PHOTO > ANSWER

The answer is a line of JSON, and after it the JPEG. Where there is none, the line has `reason` and `detail`.
Photo decoders crash on malformed files, and strangers make such files: so this process has no credentials and
limits of its own, and `handler.conversion` waits for it. The decoders are in `photo_labels.records.decoders`.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from photo_labels.records.decoders.limits import UndecodableError, check_recognisable
from photo_labels.records.decoders.opening import decode
from photo_labels.records.decoders.rendering import is_blank, rendered

if TYPE_CHECKING:
    from PIL import Image

_CPU_S = 30
MEMORY_BYTES = 1_500 * 2**20
MAX_SIDE = 2048


def main() -> None:
    """Decode the seekable file on stdin; answer on stdout, to which nothing else may write."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    jpeg = b""
    try:
        facts, jpeg = recognisable(sys.stdin.buffer)
    except UndecodableError as error:
        facts = {"reason": error.reason, "detail": error.detail}
    except MemoryError:
        facts = {"reason": "PhotoTooLarge", "detail": "There is not enough memory to decode the photo."}
    with answers:
        answers.write(json.dumps(facts).encode() + b"\n" + jpeg)


def recognisable(file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Return what the photo was, as `handler.results.Decoded` has it, and a JPEG that Rekognition takes.

    Raises UndecodableError, also for what Rekognition could not recognise anything in.
    """
    picture = decode(file, MAX_SIDE)
    check_recognisable(picture.size)
    image = rendered(picture, MAX_SIDE)
    if is_blank(image):
        raise UndecodableError(
            "BlankPhoto",
            "All of the photo has the same colour: it is blank, or its decoder does not read it rightly.",
        )
    facts = {
        "format": picture.format,
        "width": picture.size[0],
        "height": picture.size[1],
        "orientation": picture.orientation,
        "is_truncated": picture.is_truncated,
    }
    return facts, _jpeg(image)


def viewable(file: BinaryIO, longest_side: int) -> bytes:
    """Return a JPEG of at most that size for a person to look at. Raises UndecodableError."""
    return _jpeg(rendered(decode(file, longest_side), longest_side))


def _jpeg(image: Image.Image) -> bytes:
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()


if __name__ == "__main__":
    main()
