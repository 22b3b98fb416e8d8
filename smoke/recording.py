"""Each answer of AWS, as it came: status, headers and bytes. A candidate for the contract suite's tables."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import boto3

_SERVICES = ("cloudwatch", "dynamodb", "rekognition", "s3", "sqs")
# Answers to one operation with one status: enough to see what is the same in all of them.
_OF_A_KIND = 5


class Recorder:
    """Writes what all clients of a session are answered, one file for each answer."""

    def __init__(self, folder: Path, account: str, session: boto3.Session) -> None:
        """`account`: its number, which is written as AWS's documentation writes one."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._account = account
        self._kinds: Counter[str] = Counter()
        for service in _SERVICES:
            session.events.register(f"response-received.{service}", self._record)

    @property
    def answers(self) -> int:
        """Return the number of answers written."""
        return sum(min(count, _OF_A_KIND) for count in self._kinds.values())

    def _record(self, response_dict: Any, event_name: str, **_: Any) -> None:
        if response_dict is None:  # no answer came
            return
        service, operation = event_name.split(".")[1:]
        kind = f"{service}-{operation}-{response_dict['status_code']}"
        self._kinds[kind] += 1
        if self._kinds[kind] > _OF_A_KIND:
            return
        body = response_dict["body"]
        content: Any = {
            "status": response_dict["status_code"],
            "headers": dict(response_dict["headers"]),
            # What is streamed is a photo, and read by whoever asked for it.
            "body": body.decode(errors="replace") if isinstance(body, bytes) else None,
        }
        text = json.dumps(content, indent=2).replace(self._account, "123456789012")
        (self._folder / f"{kind}-{self._kinds[kind]}.json").write_text(text)
