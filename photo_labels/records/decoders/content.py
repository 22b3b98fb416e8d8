"""All of a file as bytes that can be looked through; one on a disk is not read into memory."""

from __future__ import annotations

import io
import mmap
from typing import BinaryIO

Content = bytes | mmap.mmap


def content_of(file: BinaryIO) -> Content:
    """Return the content of a file; what is empty has none to be mapped."""
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (io.UnsupportedOperation, ValueError):  # it is in memory, or empty
        file.seek(0)
        return file.read()
