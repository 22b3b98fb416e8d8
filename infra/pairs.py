"""Parameters and tags as they are said on a command line: `Name=value Other=value`."""

from __future__ import annotations


def pairs(text: str) -> dict[str, str]:
    """Read words with a "="; those of categories have blanks, so that a filter goes on to the next such word.

    Raises ValueError with a sentence.
    """
    found: dict[str, str] = {}
    last = ""
    for word in text.split():
        name, equals, value = word.partition("=")
        if equals:
            found[name], last = value, name
        elif last.endswith("Filters"):
            found[last] += f" {word}"
        else:
            raise ValueError(f"{name!r} is not of the form Name=value")
    return found
