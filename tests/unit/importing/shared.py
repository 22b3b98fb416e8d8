"""What these tests share."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import (
    ClientError,
)

HOSTILE = ["a b+c%.jpg", "ünï/日本.PNG", "[bold]not[/bold].jpg", "line\nbreak.jpg", "esc\x1b[31m.jpeg"]


class Killed(BaseException):
    """In the place of a signal."""


class Time:
    """A clock that goes on only when the import pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def options(self) -> dict[str, Any]:
        return {"clock": lambda: self.now, "pause": self.pause}

    def pause(self, seconds: float) -> None:
        self.now += seconds


def refusal(code: str) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(answer, "PutObject")
