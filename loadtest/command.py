"""How the load test's commands end."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from photos.errors import TOLD, sentence

if TYPE_CHECKING:
    from collections.abc import Callable


def as_command(main: Callable[[], Any]) -> None:
    """Run it; what is wrong is a sentence and exit code 2, Ctrl-C and SIGTERM are 130."""
    for ending in (signal.SIGINT, signal.SIGTERM):  # what a script starts in the background ignores SIGINT
        signal.signal(ending, signal.default_int_handler)
    try:
        main()
    except click.ClickException as problem:
        problem.show()
        sys.exit(2)
    except TOLD as problem:
        Console(stderr=True).print(sentence(problem), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        print("\nstopped", file=sys.stderr)
        sys.exit(130)
