"""Each permission of the functions' roles is needed: without it something breaks that a person would notice.

Taken away are those of `BREAKS`, one at a time, while the pipeline runs; the local cloud enforces IAM. `NOT_ENFORCED`
are those that it cannot take away: they are asserted from the template alone (tests/infra).
"""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loadtest.mix import distinct
from local.cloud import LocalCloud
from tests.e2e.conftest import Pipeline
from tests.infra.template import as_list
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOT_ENFORCED = {
    "sqs:ReceiveMessage": "Lambda's pollers receive, and the local ones have no role",
    "sqs:DeleteMessage": "as above",
    "sqs:GetQueueAttributes": "as above",
    "s3:ListBucket": "the local S3 tells anybody that nothing is there",
    "logs:CreateLogStream": "an environment makes its stream before it starts; Lambda's starts without one, too",
    "rekognition:DetectLabels": "the local Rekognition knows callers, but no policies",
}
# Calls for which the local cloud asks for another permission (local/ministack.py), and AWS for that of the role.
LOCAL_NAMES = {
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
    "sqs:SendMessage": "sqs:SendMessageBatch",
    "dynamodb:PartiQLInsert": "dynamodb:BatchExecuteStatement",
}


SIMULATED = ["--mode", "simulated", "--simulation", json.dumps({"read_object": True, "p50_ms": 50, "p99_ms": 100})]


def photo(kind: str) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, kind)
    return file.getvalue()


PHOTO = photo("JPEG")
CONVERTED = photo("WEBP")
# In the keys of photos that the function takes which converts.
OF_OTHER = "convert"
NO_CLAIMS = "no claims in ContentClaims"


def upload(pipeline: Pipeline, key: str) -> str:
    return pipeline.upload(key, CONVERTED if OF_OTHER in key else PHOTO)


class Role:
    """A function's role, with permissions that can be taken away."""

    def __init__(self, pipeline: Pipeline, function: str) -> None:
        functions = pipeline.cloud.target.client("lambda")
        configuration = functions.get_function_configuration(FunctionName=pipeline.outputs[function])
        self._name = configuration["Role"].rpartition("/")[2]
        self._iam = pipeline.cloud.target.client("iam")

    def actions(self) -> set[str]:
        return {
            action
            for statements in self._statements().values()
            for statement in statements
            for action in as_list(statement["Action"])
        }

    @contextmanager
    def without(self, action: str, sid: str | None = None) -> Iterator[None]:
        """Take an action away, from one statement or from all."""
        gone = {action, LOCAL_NAMES.get(action, action)}
        before = self._statements()
        self._put({policy: _less(statements, gone, sid) for policy, statements in before.items()})
        try:
            yield
        finally:
            self._put(before)

    def _statements(self) -> dict[str, list[dict[str, Any]]]:
        def of(policy: str) -> list[dict[str, Any]]:
            document: Any = self._iam.get_role_policy(RoleName=self._name, PolicyName=policy)["PolicyDocument"]
            statements: list[dict[str, Any]] = document["Statement"]
            return statements

        return {policy: of(policy) for policy in self._iam.list_role_policies(RoleName=self._name)["PolicyNames"]}

    def _put(self, statements: dict[str, list[dict[str, Any]]]) -> None:
        for policy, some in statements.items():
            document = json.dumps({"Version": "2012-10-17", "Statement": some})
            self._iam.put_role_policy(RoleName=self._name, PolicyName=policy, PolicyDocument=document)


def _less(statements: list[dict[str, Any]], gone: set[str], sid: str | None) -> list[dict[str, Any]]:
    left = [
        one
        | {
            "Action": [
                action
                for action in as_list(one["Action"])
                if sid not in {None, one.get("Sid")} or action not in gone
            ]
        }
        for one in statements
    ]
    return [one for one in left if one["Action"]]


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline of its own, with a quota to take turns at."""
    state = tmp_path_factory.mktemp("permissions") / "state"
    with LocalCloud(
        state, recogniser=SIMULATED, parameters={"RekognitionTps": "200", "MinConfidence": "50"}
    ) as cloud:
        yield Pipeline(cloud)


# Outputs of the stack, and names of photos that the function takes.
FUNCTIONS = {"FunctionName": "label.jpg", "ConvertFunctionName": f"{OF_OTHER}.webp"}


# What is done, and what then tells that it did not work; each gives what is seen when the permission is back


def fails(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """A photo that is uploaded is not labelled, and the log says so."""
    etag = upload(pipeline, key)
    eventually(lambda: failures(pipeline, key))
    return lambda: pipeline.settled(key, etag)["Status"] == "LABELLED"


def fails_when_overwritten(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """Only a new document is inserted: one that is there already is put, on condition."""
    pipeline.settled(key, upload(pipeline, key))
    return fails(pipeline, key)


def fails_when_asked_for(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """S3 is asked about the photo, or for it."""
    if OF_OTHER in key:
        return fails(pipeline, key)
    reconcile(pipeline, key)
    eventually(lambda: failures(pipeline, key))
    return lambda: len(lines(pipeline, key)) > len(failures(pipeline, key))


def fails_with_versions(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """The event names a version, and Rekognition reads that one."""
    versioning = pipeline.s3.put_bucket_versioning
    versioning(Bucket=pipeline.bucket, VersioningConfiguration={"Status": "Enabled"})
    try:
        return fails(pipeline, key)
    finally:
        versioning(Bucket=pipeline.bucket, VersioningConfiguration={"Status": "Suspended"})


def is_tried_too_soon(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """What failed should come back later, and does after the visibility timeout only."""
    pipeline.recogniser("settings", {"errors": {"AccessDeniedException": 1.0}})
    try:
        etag = upload(pipeline, key)
        eventually(lambda: lines(pipeline, "visibility timeout left as it is", "AccessDenied"))
    finally:
        pipeline.recogniser("settings", {"errors": {}})
    upload(pipeline, key)  # nobody waits for two minutes
    return lambda: pipeline.settled(key, etag)["Status"] == "LABELLED"


def is_not_dead_lettered(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """A message that nobody can understand stays in the queue, and the log says so."""
    queue = "Convert" if OF_OTHER in key else ""
    message_id = pipeline.send(key, f"{queue}QueueUrl")
    eventually(lambda: lines(pipeline, message_id, "not in the DLQ yet", "AccessDenied"))
    return lambda: pipeline.dead_letter(message_id, f"{queue}DeadLetterQueueUrl")


def keeps_to_its_share(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """Photos are labelled without the table of the quota, each environment at its share of it."""
    before = next_turn(pipeline)
    pipeline.settled(key, upload(pipeline, key))
    eventually(lambda: lines(pipeline, "no slots from LabelQuota", "AccessDenied"))
    assert next_turn(pipeline) == before

    def takes_turns() -> bool:
        pipeline.settled(f"again/{key}", upload(pipeline, f"again/{key}"))
        return next_turn(pipeline) > before

    return takes_turns


def keeps_its_claim(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """A photo that is overwritten is labelled, but its former content goes on naming it."""
    first = settled_as(pipeline, key, "first")
    both = settled_as(pipeline, key, "second")
    eventually(lambda: lines(pipeline, NO_CLAIMS, "AccessDenied", "DeleteItem"))
    assert len(first) == 1
    assert both > first

    def gives_it_up() -> bool:
        third = settled_as(pipeline, key, "third")
        return third > first and len(third) == len(both)

    return gives_it_up


def settled_as(pipeline: Pipeline, key: str, content: str) -> set[str]:
    """Upload a photo with bytes that have this name, and wait for its document; returns its claims then."""
    body = distinct(CONVERTED if OF_OTHER in key else PHOTO, f"{key} {content}")
    pipeline.settled(key, pipeline.upload(key, body, exactly=True))
    return claims_of(pipeline, key)


def claims_of(pipeline: Pipeline, key: str) -> set[str]:
    """Return the contents that a photo has claimed."""
    items = pipeline.dynamodb.scan(TableName=pipeline.outputs["ContentClaimsTable"], ConsistentRead=True)["Items"]
    return {one["Content"]["S"] for one in items if one["ImageID"]["S"] == f"{pipeline.bucket}/{key}"}


def is_silent(pipeline: Pipeline, key: str) -> Callable[[], Any]:
    """Photos are labelled, but nobody reads of it."""
    group = "ConvertLogGroup" if OF_OTHER in key else "LogGroup"
    before = len(pipeline.log_lines("_aws", group))
    pipeline.settled(key, upload(pipeline, key))
    assert len(pipeline.log_lines("_aws", group)) == before

    def is_heard() -> bool:
        again = f"again/{key}"  # what was refused is not sent once more
        pipeline.settled(again, upload(pipeline, again))
        return eventually(lambda: len(pipeline.log_lines("_aws", group)) > before)

    return is_heard


BREAKS: dict[str, Callable[[Pipeline, str], Callable[[], Any]]] = {
    "s3:GetObject": fails_when_asked_for,
    "s3:GetObjectVersion": fails_with_versions,
    "sqs:ChangeMessageVisibility": is_tried_too_soon,
    "sqs:SendMessage": is_not_dead_lettered,
    "dynamodb:BatchGetItem": fails,
    "dynamodb:PartiQLInsert": fails,
    "dynamodb:PutItem": fails_when_overwritten,
    "dynamodb:BatchWriteItem": fails,
    "dynamodb:UpdateItem": keeps_to_its_share,
    "dynamodb:DeleteItem": keeps_its_claim,
    "logs:PutLogEvents": is_silent,
}


@pytest.mark.parametrize("action", BREAKS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_given_a_role_without_a_permission_when_photos_come_then_it_shows_and_none_is_lost(
    limited: Pipeline, function: str, action: str
) -> None:
    with Role(limited, function).without(action):
        is_repaired = BREAKS[action](limited, f"without/{action.replace(':', '-')}/{FUNCTIONS[function]}")
    eventually(is_repaired)


def test_given_a_role_that_may_not_forward_when_photos_come_then_it_shows_and_none_is_lost(
    limited: Pipeline,
) -> None:
    with Role(limited, "FunctionName").without("sqs:SendMessage"):
        is_repaired = fails(limited, f"without/forwarding/{OF_OTHER}.webp")
    eventually(is_repaired)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_given_a_role_that_may_not_claim_when_photos_come_then_each_is_labelled_and_the_log_says_it(
    limited: Pipeline, function: str
) -> None:
    keys = [f"without/claims/{number} {FUNCTIONS[function]}" for number in range(2)]
    group = "ConvertLogGroup" if OF_OTHER in keys[0] else "LogGroup"
    with Role(limited, function).without("dynamodb:PutItem", "ClaimContents"):
        for key in keys:
            body = CONVERTED if OF_OTHER in key else PHOTO
            document = limited.settled(key, limited.upload(key, distinct(body, function), exactly=True))
            assert (document["Status"], document.get("CopyOf")) == ("LABELLED", None)
        [line, *_] = eventually(lambda: [one for one in limited.log_lines(NO_CLAIMS, group) if "PutItem" in one])
        assert "AccessDenied" in json.loads(line)["reason"]
        assert not [key for key in keys if claims_of(limited, key)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_given_a_role_when_read_then_nothing_in_it_goes_untried_but_what_is_listed(
    limited: Pipeline, function: str
) -> None:
    assert Role(limited, function).actions() - set(LOCAL_NAMES.values()) == BREAKS.keys() | NOT_ENFORCED.keys()


def lines(pipeline: Pipeline, *words: str) -> list[str]:
    """Lines of the functions' logs that have all of these words."""
    found = [line for group in ("LogGroup", "ConvertLogGroup") for line in pipeline.log_lines(words[0], group)]
    return [line for line in found if all(word in line for word in words)]


def failures(pipeline: Pipeline, key: str) -> list[str]:
    return lines(pipeline, key, '"message":"failed"')


def document_of(pipeline: Pipeline, key: str) -> dict[str, Any]:
    return eventually(lambda: pipeline.document(key))


def next_turn(pipeline: Pipeline) -> float:
    """When the next turn is; 0: none was taken yet."""
    answer = pipeline.dynamodb.get_item(
        TableName="LabelQuota", Key={"Operation": {"S": "DetectLabels"}}, ConsistentRead=True
    )
    return float(answer["Item"]["NextTurn"]["N"]) if "Item" in answer else 0.0


def reconcile(pipeline: Pipeline, key: str) -> None:
    body = {"source": "photo-labels", "action": "reconcile", "bucket": pipeline.bucket, "key": key, "force": True}
    pipeline.send(json.dumps(body))
