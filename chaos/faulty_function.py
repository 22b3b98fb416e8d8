"""A function with faults, to be run in place of handler.app or handler.convert: the same code, on faulty clients.

Every call passes botocore's `before-send`; what that gives is taken for AWS's answer, and what it raises for the
network's failure. Around the handler, an environment may be killed, and records delivered as SQS may deliver them.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import psutil
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from chaos.faults import DELIVERY, ENVIRONMENT, FILE, Switch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SLOW_S = {"DetectLabels": 3.0}
_SLOW_USUALLY_S = 0.3
_OUT_OF_TIME_S = 60.0
_DENIED = "AccessDeniedException"
_THROTTLES = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "rekognition": "ThrottlingException",
    "sqs": "RequestThrottled",
    "s3": "SlowDown",
}
_UNPROCESSED = {"BatchGetItem": "UnprocessedKeys", "BatchWriteItem": "UnprocessedItems"}

_switch = Switch(Path(os.environ[FILE]))
_http = URLLib3Session(proxies={})


class _Body(io.BytesIO):
    """The body of an answer as urllib3 has it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _inject(request: AWSPreparedRequest, event_name: str, **_rest: Any) -> Any:
    """Return the answer of a fault; None: the call goes to AWS."""
    _before_send, service, call = event_name.split(".")
    fault = _switch.drawn(call)
    return _KINDS[fault.kind](request, service, call) if fault else None


def _refused(request: AWSPreparedRequest, status: int, code: str) -> AWSResponse:
    body = json.dumps({"__type": code, "Code": code, "message": "injected", "Message": "injected"}).encode()
    if request.method == "HEAD":
        body = b""
    return _given(request.url, status, {"x-amzn-errortype": code}, body)


def _given(url: str, status: int, headers: Any, body: bytes) -> AWSResponse:
    return AWSResponse(url, status, headers, _Body(body))


def _throttled(request: AWSPreparedRequest, service: str, _: str) -> AWSResponse:
    return _refused(request, 503 if service == "s3" else 400, _THROTTLES[service])


def _denied(request: AWSPreparedRequest, service: str, _: str) -> AWSResponse:
    return _refused(request, 403 if service == "s3" else 400, _DENIED)


def _status(status: int) -> Callable[[AWSPreparedRequest, str, str], AWSResponse]:
    code = "InternalServerError" if status == 500 else "ServiceUnavailable"
    return lambda request, _service, _call: _refused(request, status, code)


def _done(request: AWSPreparedRequest) -> AWSResponse:
    """Make the call in spite of the fault."""
    return _http.send(request)


def _timeout(request: AWSPreparedRequest, _service: str, _call: str) -> AWSResponse:
    if random.random() < 0.5:
        _done(request)
    time.sleep(1)
    raise ReadTimeoutError(endpoint_url=request.url)


def _reset(request: AWSPreparedRequest, _service: str, _call: str) -> AWSResponse:
    if random.random() < 0.5:
        _done(request)
    raise ConnectionClosedError(endpoint_url=request.url)


def _truncated(request: AWSPreparedRequest, _service: str, _call: str) -> AWSResponse:
    """Return half of the body: shorter than its stated length, or cut off with a matching length."""
    answer = _done(request)
    if random.random() < 0.5:
        raise HTTPClientError(error=OSError("IncompleteRead"))
    content = answer.content
    return _given(answer.url, answer.status_code, answer.headers, content[: len(content) // 2])


def _slow(_request: AWSPreparedRequest, _service: str, call: str) -> None:
    time.sleep(_SLOW_S.get(call, _SLOW_USUALLY_S))


def _out_of_memory(_request: AWSPreparedRequest, _service: str, _call: str) -> None:
    raise MemoryError


def _killed_before(_request: AWSPreparedRequest, _service: str, _call: str) -> None:
    _kill()


def _killed_after(request: AWSPreparedRequest, _service: str, _call: str) -> None:
    _done(request)
    _kill()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _out_of_time(_request: AWSPreparedRequest, _service: str, _call: str) -> None:
    time.sleep(_OUT_OF_TIME_S)


def _all_unprocessed(request: AWSPreparedRequest, _service: str, call: str) -> AWSResponse:
    return _processed(request, call, 0)


def _half_unprocessed(request: AWSPreparedRequest, _service: str, call: str) -> AWSResponse:
    return _processed(request, call, 2)


def _processed(request: AWSPreparedRequest, call: str, every: int) -> AWSResponse:
    """Process every n-th item of a call about many (0: none), and answer that the others were not processed."""
    body: Any = request.body
    asked = json.loads(body)
    if call == "BatchExecuteStatement":
        throttled = {"Error": {"Code": "ThrottlingError", "Message": "injected"}}
        chosen = [every and not at % every for at in range(len(asked["Statements"]))]
        some = asked | {
            "Statements": [one for one, is_done in zip(asked["Statements"], chosen, strict=True) if is_done]
        }
        done = iter(_answered(call, some)["Responses"] if some["Statements"] else [])
        return _answer(request, {"Responses": [next(done) if is_done else throttled for is_done in chosen]})
    left: dict[str, Any] = {}
    some = {}
    for table, items in asked["RequestItems"].items():
        many = items["Keys"] if call == "BatchGetItem" else items
        chosen_items = many[::every] if every else []
        others = [one for one in many if one not in chosen_items]
        for part, into in ((chosen_items, some), (others, left)):
            if part:
                into[table] = items | {"Keys": part} if call == "BatchGetItem" else part
    answer = _answered(call, asked | {"RequestItems": some}) if some else {"Responses": {}}
    return _answer(request, answer | {_UNPROCESSED[call]: left})


def _answered(call: str, body: Any) -> Any:
    """Make the call with another body, which takes another signature. Raises ClientError."""
    answer = getattr(_dynamodb, xform_name(call))(**body)
    del answer["ResponseMetadata"]
    return answer


def _answer(request: AWSPreparedRequest, body: Any) -> AWSResponse:
    return _given(request.url, 200, {}, json.dumps(body).encode())


_KINDS: dict[str, Callable[[AWSPreparedRequest, str, str], AWSResponse | None]] = {
    "throttled": _throttled,
    "500": _status(500),
    "503": _status(503),
    "denied": _denied,
    "timeout": _timeout,
    "reset": _reset,
    "truncated": _truncated,
    "slower": _slow,
    "out of memory": _out_of_memory,
    "out of time": _out_of_time,
    "killed before": _killed_before,
    "killed after": _killed_after,
    "half left": _half_unprocessed,
    "all left": _all_unprocessed,
}

_session: Any = botocore.session.get_session()
_session.register("before-send", _inject)
botocore.session.get_session = lambda *_: _session  # of which the function makes its clients

_name = "convert" if os.environ["AWS_LAMBDA_FUNCTION_NAME"].endswith("-convert") else "app"
_function: Any = importlib.import_module(f"handler.{_name}")

_sqs: Any = botocore.session.Session().create_client("sqs")
# These clients have no faults: they act as SQS and DynamoDB.
_dynamodb: Any = botocore.session.Session().create_client("dynamodb")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Run the function under the faults that are on for the environment and for the delivery."""
    fault = _switch.drawn(ENVIRONMENT) if event["Records"] else None
    kind = fault.kind if fault else None
    if kind == "killed first":
        _kill()
    if kind == "stale sockets":
        _end_connections()
    answer = _delivered(event, context)
    if kind == "killed last":
        _kill()
    return answer


def _end_connections() -> None:
    """Close every connection of this process, as AWS does with connections that are idle for long."""
    for connection in psutil.Process().net_connections("tcp"):
        with socket.socket(fileno=os.dup(connection.fd)) as same, suppress(OSError):  # closed in the meantime
            same.shutdown(socket.SHUT_RDWR)


def _delivered(event: dict[str, Any], context: Any) -> dict[str, Any]:
    records = event["Records"]
    kinds = {record["messageId"]: fault.kind for record in records if (fault := _switch.drawn(DELIVERY))}
    if "overlapping" in kinds.values():
        _change_visibility(records, 0)
    late = [record for record in records if kinds.get(record["messageId"]) == "out of order"]
    for record in late:
        _change_visibility([record], random.randint(1, 10))
    answer: dict[str, Any] = _function.handler({"Records": [one for one in records if one not in late]}, context)
    again = late + [record for record in records if kinds.get(record["messageId"]) == "twice"]
    for record in again:
        answer["batchItemFailures"].append({"itemIdentifier": record["messageId"]})
    return answer


def _change_visibility(records: list[Any], seconds: int) -> None:
    entries = [
        {"Id": str(number), "ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": seconds}
        for number, record in enumerate(records)
    ]
    if not records:
        return
    queue = records[0]["eventSourceARN"].rpartition(":")[2]  # a batch is of one queue
    url = f"{_function.settings.queue_url.rpartition('/')[0]}/{queue}"
    _sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
