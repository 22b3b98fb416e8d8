"""What is wrong in the words of who called: `make loadtest N=abc` is told of N=abc, and not of an option.

The Makefile names its variables in MAKE_VARIABLES to the programs that it calls, and each one's value by its name.
"""

from __future__ import annotations

import os
import re

import click

# Options that are not called as the variable is.
_VARIABLES = {"--number": "N", "--shape": "PROFILE", "--base": "BASE_IMAGE", "--folder": "DIR"}
# Options without a value: the word that sets each.
_SWITCHES = {"--yes": "YES=1", "--keep": "KEEP=1", "--with-data": "DATA=delete", "--decoder": "ONLY=decoder"}
# What click calls numbers.
_KIND = re.compile(r"a valid (integer|float)( range)?")
# A command in backquotes stays as it is.
_OPTION = re.compile(r"`[^`]*`|--[a-z][a-z-]*")


def in_words_of_make(text: str) -> str:
    """Return a sentence with make's variables for the options in it; as it is where make did not call."""
    return _OPTION.sub(lambda option: _spelled(option[0]), text)


def wrong_value(error: click.ClickException) -> str | None:
    """Return a sentence about a value that was given to make; None: it was not make, or another error."""
    if isinstance(error, click.BadOptionUsage) and (word := _known(error.option_name)):
        name = word.partition("=")[0]
        return f"{_said(name)}: say {word}, or leave it out."
    if isinstance(error, click.BadParameter) and error.param and (name := _known(error.param.opts[0])):
        return f"{_said(name)}: {_KIND.sub(_plain, error.message)}"
    return None


def _plain(kind: re.Match[str]) -> str:
    return "a whole number" if kind[1] == "integer" else "a number"


def _said(name: str) -> str:
    return f"{name}={os.environ.get(name, '')}"


def _known(option: str) -> str:
    """Return the variable of an option, of a switch with its word; "" where make has none, or did not call."""
    variable = _SWITCHES.get(option) or _VARIABLES.get(option) or option.strip("-").replace("-", "_").upper()
    return variable if variable.partition("=")[0] in os.environ.get("MAKE_VARIABLES", "").split() else ""


def _spelled(option: str) -> str:
    variable = _known(option) if option.startswith("--") else ""
    if not variable:
        return option
    return variable if "=" in variable else f"{variable}=…"
