"""How a command line ends: with an exit code, and, where something is wrong, a sentence on standard error."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from photo_labels.library.user_errors import (
    USER_FACING_ERRORS,
    NotAllDoneError,
    UserError,
    are_credentials_over,
    user_message,
)
from photo_labels.terminal.make import in_words_of_make, wrong_value
from photo_labels.terminal.output import prepare
from photo_labels.terminal.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

# NOT_ALL_DONE: running it again resumes.
_NOT_AGREED, _NOT_DONE, NOT_ALL_DONE, INTERRUPTED = 1, 2, 3, 130
_RAISE_AGAIN_S = 0.05


def run(command: Callable[[], int | None], name: str) -> None:
    """Run a program's main function and exit; errors that the user can fix are printed without a traceback.

    `command` returns an exit code or None (0), or exits; a click command is called with standalone_mode=False.
    Exit code 2: it could not be done; 3: credentials ended on the way; 130: Ctrl-C, SIGTERM or SIGHUP.
    """
    prepare()
    sys.unraisablehook = _raise_interrupts_again
    for ending in (signal.SIGINT, signal.SIGTERM):  # what a script starts in the background ignores SIGINT
        signal.signal(ending, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which nohup has asked for
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    sys.exit(_exit_code(lambda: _flushed(command), name))


def _raise_interrupts_again(ignored: sys.UnraisableHookArgs) -> None:
    """Raise a Ctrl-C again that came in a destructor, which each HTTP response has: Python ignores it there."""
    if ignored.exc_type is KeyboardInterrupt:
        again = threading.Timer(_RAISE_AGAIN_S, _thread.interrupt_main)
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(ignored)


def _flushed(command: Callable[[], Any]) -> Any:
    try:
        return command()
    finally:
        sys.stdout.flush()


def _exit_code(command: Callable[[], Any], name: str) -> Any:
    try:
        return command()
    except click.ClickException as error:
        if wrong := wrong_value(error):
            _say(f"{name}: {wrong}")
        else:
            error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say(f"{name}: stopped")
        return INTERRUPTED
    except (*USER_FACING_ERRORS, OSError) as error:
        _say(f"{name}: {in_words_of_make(user_message(error))}")
        return NOT_ALL_DONE if isinstance(error, NotAllDoneError) or are_credentials_over(error) else _NOT_DONE


def _say(text: str) -> None:
    Console(stderr=True).print(safe(text), soft_wrap=True)


def is_agreed(question: str) -> bool:
    """Ask a question on the terminal. Raises UserError where there is none."""
    if not is_answered():
        raise UserError(f"{question} Not interactive: pass --yes.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def is_answered() -> bool:
    """Tell whether standard input and error are a terminal."""
    return sys.stdin.isatty()


def agree(question: str) -> None:
    """Ask whether a command of `photos` may continue; exit with 1 where the answer is no."""
    if not is_agreed(question):
        print("Nothing was done.", file=sys.stderr)
        sys.exit(_NOT_AGREED)
