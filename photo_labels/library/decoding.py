"""Photos decoded in a process that may crash; unlike the function's, it continues with the next photo.

    parent -> child   longest side and number of bytes (8 bytes each), the photo
    child  -> parent  the number of bytes (8 bytes), a line of JSON (`reason` and `detail`, or nothing), the JPEG

The child has no credentials in its environment, and bounded memory; where it takes too long it is killed. Either
way that is the end of this photo only.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Self

from photo_labels.records.decoder import MAX_SIDE, MEMORY_BYTES, viewable
from photo_labels.records.decoders.limits import UndecodableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_S = 30.0
_ASKED, _ANSWERED = struct.Struct(">QQ"), struct.Struct(">Q")


class Decoder:
    """One child process; decodes one photo after another, for one thread at a time."""

    def __init__(self, longest_s: float = _MAX_S) -> None:
        self._longest_s = longest_s
        self._ending = threading.Lock()
        self._is_stopped = False
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.stop()
        self._clear()

    def stop(self) -> None:
        """End the child at once and for good, from any thread; who waits for a photo gets UndecodableError."""
        with self._ending:
            self._is_stopped = True
            self._process.kill()

    def jpeg(self, photo: bytes | bytearray, longest_side: int = MAX_SIDE) -> bytes:
        """Return a photo of any format as a JPEG, upright.

        Raises UndecodableError, or OSError where no child can be started; then another may be decoded.
        """
        with self._ending:
            if self._is_stopped:
                raise UndecodableError("DecoderCrashed", "Its decoder has ended.")
            if self._process.poll() is not None:
                self._clear()
                self._start()
        is_too_slow = threading.Event()
        timer = threading.Timer(self._longest_s, self._kill_slow, [is_too_slow])
        timer.start()
        try:
            return self._asked(photo, longest_side)
        except (BrokenPipeError, EOFError) as error:
            self._clear()
            if is_too_slow.is_set():
                why = f"Its decoder takes more than {self._longest_s:.0f} seconds."
                raise UndecodableError("DecoderTooSlow", why) from error
            raise UndecodableError("DecoderCrashed", "Its decoder crashed.") from error
        finally:
            timer.cancel()

    def _kill_slow(self, is_too_slow: threading.Event) -> None:
        is_too_slow.set()
        self._process.kill()

    def _clear(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin
        assert self._process.stdout
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):  # of what was not written any more
                pipe.close()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "photo_labels.library.decoding"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # And so no credentials; where modules are is no secret.
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "MALLOC_ARENA_MAX": "1"},
            start_new_session=True,  # Ctrl-C is the parent's
        )

    def _asked(self, photo: bytes | bytearray, longest_side: int) -> bytes:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(_ASKED.pack(longest_side, len(photo)))
        self._process.stdin.write(photo)
        self._process.stdin.flush()
        [size] = _ANSWERED.unpack(_exactly(self._process.stdout, _ANSWERED.size))
        head, _, jpeg = _exactly(self._process.stdout, size).partition(b"\n")
        if why := json.loads(head):
            raise UndecodableError(**why)
        return jpeg


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    """Read exactly this number of bytes. Raises EOFError where there are fewer."""
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _asked_for(pipe: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    while head := pipe.read(_ASKED.size):
        longest_side, size = _ASKED.unpack(head)
        yield longest_side, _exactly(pipe, size)


def _answered(photo: bytes, longest_side: int) -> bytes:
    try:
        jpeg = viewable(io.BytesIO(photo), longest_side)
    except UndecodableError as error:
        return json.dumps({"reason": error.reason, "detail": error.detail}).encode() + b"\n"
    except MemoryError:
        why = {"reason": "PhotoTooLarge", "detail": "There is not enough memory to decode the photo."}
        return json.dumps(why).encode() + b"\n"
    return b"{}\n" + jpeg


def main() -> None:
    """Run the child until the parent is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    for longest_side, photo in _asked_for(sys.stdin.buffer):
        answer = _answered(photo, longest_side)
        answers.write(_ANSWERED.pack(len(answer)) + answer)
        answers.flush()


if __name__ == "__main__":
    main()
