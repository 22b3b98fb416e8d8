"""`python -m local`: what `make up`, `make down` and `make demo` run."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to end in order

from local.commands import main  # noqa: E402 - what it imports takes a second, in which Ctrl-C is to be quiet
from photo_labels.terminal.ending import run  # noqa: E402

if __name__ == "__main__":
    run(main, "photo-labels")
