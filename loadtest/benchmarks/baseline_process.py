"""A baseline as Lambda would run it: an execution environment of its own (`local.runtime`), kept warm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from loadtest.benchmarks.batches import QUEUE, REGION
from loadtest.benchmarks.stand_in import CONTENT_CLAIMS, IMAGE_LABELS, LABEL_INDEX
from photo_labels.library.target import scrub_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
# The virtual environment of what cannot be in ours (`make bench` makes it).
ASIDE = REPOSITORY / ".local" / "baselines"
MEMORY_MB = 1769
_TIMEOUT_MS = 60_000


class BaselineError(Exception):
    """A baseline did not do what is measured; the text tells what it did, and what it printed."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Code that is measured.

    All but aioboto3's run in our own virtual environment, with the same botocore: none is slow for being old.
    aioboto3 pins one that we cannot use, and gets the one that it pins.
    """

    name: str
    handler: str
    python: Path = Path(sys.executable)
    # It writes index rows as well; ours always does.
    rows: bool = True

    @property
    def is_installed(self) -> bool:
        return self.python.exists()


OURS = Baseline("photo-labels", "handler.app.handler")
BASELINES = (
    OURS,
    *(
        Baseline(name, f"loadtest.benchmarks.baselines.{handler}", python, rows)
        for name, handler, python in (
            ("one by one", "classic.handler", OURS.python),
            ("Powertools", "powertools.handler", OURS.python),
            ("Powertools async", "powertools_async.handler", ASIDE / "bin" / "python"),
        )
        for rows in (False, True)
    ),
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one batch took, as Lambda would have seen it."""

    # `time.monotonic`
    started: float
    wall_ms: float
    # User and system, all threads.
    cpu_ms: float
    # The most memory that the process has had so far, MiB.
    peak_mb: float


class Process:
    """A running baseline; its log is a file. Use it as a context."""

    def __init__(self, baseline: Baseline, stand_in_url: str, log: Path) -> None:
        """Start it and wait for its init. Raises BaselineError."""
        self._name = baseline.name
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [baseline.python, "-m", "local.runtime", baseline.handler],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=REPOSITORY,
                env=environment(stand_in_url, rows=baseline.rows),
            )
        try:
            self.init_ms: float = self._answer()["init_ms"]
        except BaselineError:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def invoke(self, event: Mapping[str, Any]) -> Invocation:
        """Invoke it with a batch, all of which must succeed. Raises BaselineError."""
        request = json.dumps({"event": event, "context": context()}).encode() + b"\n"
        assert self._process.stdin
        started = time.monotonic()
        self._process.stdin.write(request)
        self._process.stdin.flush()
        answer = self._answer()
        wall_ms = (time.monotonic() - started) * 1000
        if answer["answer"] != {"batchItemFailures": []}:
            raise self._error(answer)
        return Invocation(started, wall_ms, answer["cpu_ms"], answer["peak_mb"])

    def stop(self) -> None:
        """Stop it; it also exits by itself with its parent."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or b"{}")
        if not answer or "error" in answer:
            raise self._error(answer)
        return answer

    def _error(self, answer: dict[str, Any]) -> BaselineError:
        return BaselineError(f"{self._name} answered {answer}; its log:\n{self._log.read_text()[-5000:]}")


def environment(stand_in_url: str, *, rows: bool = True) -> dict[str, str]:
    """Return what `infra/pipeline.yaml` and Lambda would set, with the stand-in for all of AWS."""
    variables = dict(os.environ)
    scrub_environment(variables)
    return variables | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": stand_in_url,
        "AWS_LAMBDA_FUNCTION_NAME": QUEUE,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "LAMBDA_TASK_ROOT": str(REPOSITORY),
        "IMAGE_LABELS_TABLE": IMAGE_LABELS,
        "LABEL_INDEX_TABLE": LABEL_INDEX,
        "LABEL_QUOTA_TABLE": "LabelQuota",
        "CONTENT_CLAIMS_TABLE": CONTENT_CLAIMS,
        # The others read no photo: rows by time are those of the upload.
        "PHOTO_METADATA": "off",
        "QUEUE_URL": f"{stand_in_url}/123456789012/{QUEUE}",
        "DEAD_LETTER_QUEUE_URL": f"{stand_in_url}/123456789012/{QUEUE}-dead",
        "POWERTOOLS_SERVICE_NAME": QUEUE,
        "POWERTOOLS_METRICS_NAMESPACE": "PhotoLabels",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "ROWS": str(int(rows)),
    }


def context() -> dict[str, Any]:
    """Return the fields of `local.runtime.Context`, for an invocation that begins now."""
    return {
        "function_name": QUEUE,
        "invoked_function_arn": f"arn:aws:lambda:{REGION}:123456789012:function:{QUEUE}",
        "aws_request_id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "memory_limit_in_mb": str(MEMORY_MB),
        "log_group_name": f"/aws/lambda/{QUEUE}",
        "log_stream_name": "2026/01/01/[$LATEST]0123456789abcdef",
        "deadline_ms": int(time.time() * 1000) + _TIMEOUT_MS,
    }
