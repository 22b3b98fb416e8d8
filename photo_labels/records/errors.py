"""What an error means for a photo: two families, and every raise belongs to one.

A *permanent* error never goes away by trying again: the photo becomes a REJECTED document. A *transient*
one may: the record is reported in `batchItemFailures` and SQS delivers it again.
"""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)

AWS_ERRORS = (BotoCoreError, ClientError)

# Errors of the connection; whatever else botocore raises, it would raise again.
_LOST = (ConnectionError, HTTPClientError, IncompleteReadError, FlexibleChecksumError)

_THROTTLES = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class PermanentError(Exception):
    """Will never work: `reason` is the code for machines, `detail` the sentence for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class TransientError(Exception):
    """May work later: the record goes back to the queue. `reason` is the code that is logged."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class OutOfTimeError(TransientError):
    """No call was started, because it could have outlived the invocation's deadline."""

    def __init__(self) -> None:
        super().__init__("OutOfTime", "the invocation's deadline came first")


class ChangedMeanwhileError(TransientError):
    """Somebody else wrote the document that was to be reconciled: it has to be looked at again."""

    def __init__(self) -> None:
        super().__init__("ChangedMeanwhile", "somebody else wrote the document")


class ForeignItemError(TransientError):
    """Where the photo's document belongs, the table has something else: the photo waits until that is deleted."""

    def __init__(self) -> None:
        super().__init__(
            "ForeignItem", "the item of this photo in the table of documents is none of ours: delete it"
        )


def code_of(error: BaseException) -> str:
    """Return our own or AWS's error code, or the exception's class where no answer came ("ReadTimeoutError")."""
    if isinstance(error, PermanentError | TransientError):
        return error.reason
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") or "Unknown"
    return type(error).__name__


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an AWS error; 0 where the answer had none."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def is_throttle(error: BaseException) -> bool:
    """Tell whether AWS said "too fast": worth waiting for inside the invocation, never the photo's fault."""
    return isinstance(error, ClientError) and (code_of(error) in _THROTTLES or status_of(error) == 429)


def is_worth_retrying_now(error: BaseException) -> bool:
    """Tell whether the same call may succeed within seconds: throttles, 5xx, lost connections, timeouts.

    A refused permission is transient too, but waits for an operator: it goes back to the queue at once.
    """
    if isinstance(error, ClientError):
        return is_throttle(error) or status_of(error) >= 500
    return isinstance(error, _LOST)
