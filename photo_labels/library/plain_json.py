"""Answers of DynamoDB that `json` alone reads.

botocore compares each attribute value with its model, which takes ten times as long as reading the JSON, and comes
to the same: its attribute values are those of the JSON, but for binary ones, which nothing of ours has.
"""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from typing import Any

_READS = ("BatchGetItem", "Query", "Scan")


def read_plainly(client: Any) -> None:
    """Have a client of DynamoDB give the items that it reads as they came."""
    for operation in _READS:
        client.meta.events.register(f"before-parse.dynamodb.{operation}", _read)


def _read(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Put the content of an answer into its result, and leave nothing to be parsed.

    Errors, and what is no JSON, are left to botocore.
    """
    if response_dict["status_code"] == HTTPStatus.OK:
        with suppress(ValueError):
            customized_response_dict.update(json.loads(response_dict["body"]))
            response_dict["body"] = b"{}"
