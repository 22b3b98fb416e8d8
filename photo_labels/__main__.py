"""`photos`, which is `python -m photo_labels`, too."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to end in order

from photo_labels.cli import main  # noqa: E402 - what it imports takes a second, in which Ctrl-C is to be quiet

__all__ = ["main"]

if __name__ == "__main__":
    main()
