"""No fake is kinder than AWS: strict fakes and the local Rekognition answer as AWS was recorded to.

`tests/e2e/test_contract.py` asks the local cloud's S3 and SQS the same.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.rekognition import create_app
from local.simulation import ERRORS as SIMULATED
from local.simulation import SimulationSettings
from photo_labels.library.http_server import create_server, listen
from tests.contract.answers import head, head_error, s3_error
from tests.contract.function import BUCKET
from tests.contract.refusals import REFUSALS, seen
from tests.contract.test_dynamodb import DUPLICATE, item, lost
from tests.contract.test_rekognition import DETECTIONS, ERRORS, PHONE
from tests.contract.test_s3 import IN_THE_ARCHIVE, OWNERS_KEY, UNREADABLE
from tests.fakes.bucket import S3, Photo, Rekognition
from tests.fakes.dynamodb import DynamoDB, Tables
from tests.fakes.world import SETTINGS, SQS, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handler.clients import Clients
    from tests.contract.server import Answer, Aws


def outcome(call: Any, parameters: dict[str, Any]) -> Any:
    """What a caller can tell of an answer: an error's code and status, or the names in it."""
    try:
        given = call(**parameters)
    except ClientError as error:
        return seen(error)
    return {name: type(value).__name__ for name, value in given.items() if name != "ResponseMetadata"}


PLACE = {"Bucket": BUCKET, "Key": "cat.jpg"}
OBJECTS: dict[str, tuple[Photo | None, str, Answer]] = {
    "missing, HEAD": (None, "head_object", head_error(404)),
    "forbidden, HEAD": (Photo(head_error="403"), "head_object", head_error(403)),
    "owner's key, HEAD": (Photo(head_error="400"), "head_object", head_error(400)),
    "missing, GET": (None, "get_object", s3_error(404, "NoSuchKey", "The specified key does not exist.")),
    "forbidden, GET": (Photo(head_error="403"), "get_object", s3_error(403, "AccessDenied", "Access Denied")),
    "owner's key, GET": (Photo(head_error="400"), "get_object", OWNERS_KEY),
    "archived, GET": (Photo(storage_class="GLACIER"), "get_object", IN_THE_ARCHIVE),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_given_an_object_that_s3_refuses_when_asked_for_then_the_fake_refuses_it_alike(
    clients: Clients, aws: Aws, name: str
) -> None:
    photo, method, recorded = OBJECTS[name]
    world = World()
    if photo:
        world.put("cat.jpg", photo)
    aws.tell("HeadObject" if method == "head_object" else "GetObject", recorded)
    assert outcome(getattr(S3(world.bucket), method), PLACE) == outcome(getattr(clients.s3, method), PLACE)


@pytest.mark.parametrize("version", [None, "null", "v1"])
def test_given_an_object_when_looked_at_then_the_fake_says_nothing_that_s3_does_not(
    clients: Clients, aws: Aws, version: str | None
) -> None:
    world = World()
    if version == "v1":
        world.bucket.set_versioning("Enabled")
    world.put("cat.jpg", Photo(storage_class="GLACIER"))
    if version == "null":
        world.bucket.set_versioning("Enabled")
    recorded = head(x_amz_storage_class="GLACIER")
    aws.tell("HeadObject", head(x_amz_storage_class="GLACIER", x_amz_version_id=version) if version else recorded)
    theirs = outcome(clients.s3.head_object, PLACE)
    ours = outcome(S3(world.bucket).head_object, PLACE)
    assert ours.items() <= theirs.items()
    assert ("VersionId" in ours) == (version is not None)


INSERTION: dict[str, Any] = {
    "Statements": [
        {
            "Statement": "INSERT INTO \"ImageLabels\" VALUE {'ImageID': ?, 'Sequencer': ?}",
            "Parameters": [{"S": f"{BUCKET}/cat.jpg"}, {"S": "1"}],
        }
    ]
}


def test_given_statements_that_fail_when_executed_then_the_fake_says_so_as_dynamodb_does() -> None:
    throttled = DynamoDB(Tables(), unprocessed=lambda entries: entries)
    [end] = throttled.batch_execute_statement(**INSERTION)["Responses"]
    assert end["Error"]["Code"] == "ThrottlingError"
    tables = Tables()
    assert DynamoDB(tables).batch_execute_statement(**INSERTION) == {"Responses": [{"TableName": "ImageLabels"}]}
    [end] = DynamoDB(tables).batch_execute_statement(**INSERTION)["Responses"]
    assert end["Error"] == DUPLICATE["Error"]


@pytest.mark.parametrize("wants_item", [True, False])
def test_given_a_lost_condition_when_told_then_the_fake_has_the_item_where_dynamodb_has_it(
    clients: Clients, aws: Aws, wants_item: bool
) -> None:
    tables, put = Tables(), {"TableName": "ImageLabels", "Item": item("2")}
    DynamoDB(tables).put_item(**put)
    asked: dict[str, Any] = put | {"ConditionExpression": "attribute_not_exists(ImageID)"}
    if wants_item:
        asked["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    aws.tell("PutItem", lost(item("2") if wants_item else None))
    raised = []
    for client in (DynamoDB(tables), clients.dynamodb):
        with pytest.raises(ClientError) as error:
            client.put_item(**asked)
        raised.append(
            (seen(error.value), error.value.response["Error"]["Message"], error.value.response.get("Item"))
        )
    assert raised[0] == raised[1]


@pytest.mark.parametrize("name", [name for name, one in REFUSALS.items() if one.fake])
def test_given_a_request_that_sqs_refuses_when_sent_then_the_fake_refuses_it_alike(name: str) -> None:
    refusal = REFUSALS[name]
    urls = {"queue": SETTINGS.queue_url, "dead letters": SETTINGS.dead_letter_queue_url}
    with pytest.raises(ClientError) as error:
        getattr(SQS(World()), refusal.method)(**refusal.parameters(urls))
    assert seen(error.value)[0] == refusal.code


def test_given_what_rekognition_refuses_when_asked_then_the_fake_refuses_it_alike(
    clients: Clients, aws: Aws
) -> None:
    asked: dict[str, Any] = {
        "Image": {"S3Object": {"Bucket": BUCKET, "Name": "cat.jpg"}},
        "MinConfidence": 80.0,
        "MaxLabels": 9,
    }
    aws.tell("DetectLabels", UNREADABLE)
    theirs = outcome(clients.rekognition.detect_labels, asked)
    world = World()
    fake = Rekognition(world.bucket, world.recognised.append)
    assert outcome(fake.detect_labels, asked) == theirs
    world.put("cat.jpg", Photo({"Cat": 90.0}))
    [label] = fake.detect_labels(**asked)["Labels"]
    assert label.keys() == PHONE.keys()


# ---------------------------------------------------------------- the local Rekognition


@pytest.fixture(scope="module")
def local_rekognition() -> Iterator[str]:
    settings = SimulationSettings(p50_ms=0, p99_ms=0)
    with listen(0) as listener:
        server = create_server(create_app("http://127.0.0.1:9", mode="simulated", settings=settings))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def post(url: str, content: Any, *, target: str = "", method: str = "POST") -> tuple[int, str, Any]:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    request = urllib.request.Request(url, json.dumps(content).encode(), headers, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], json.load(error)


def detect(url: str) -> tuple[int, str, Any]:
    asked = {"Image": {"S3Object": {"Bucket": BUCKET, "Name": "cat.jpg"}}, "MinConfidence": 55}
    return post(url, asked, target="RekognitionService.DetectLabels")


@pytest.mark.parametrize("code", SIMULATED)
def test_given_an_error_when_simulated_then_it_is_written_as_rekognition_writes_it(
    local_rekognition: str, code: str
) -> None:
    post(f"{local_rekognition}/_rekognition/settings", {"errors": {code: 1.0}}, method="PUT")
    status, kind, content = detect(local_rekognition)
    recorded = ERRORS[code].answer
    theirs = json.loads(recorded.body)
    assert (status, kind) == (recorded.status, recorded.headers["Content-Type"])
    assert content.keys() == theirs.keys() - {"Logref"}
    assert content["__type"] == theirs["__type"]


def test_given_labels_when_simulated_then_they_have_all_that_rekognitions_have(local_rekognition: str) -> None:
    post(f"{local_rekognition}/_rekognition/settings", {"errors": {}}, method="PUT")
    _, _, content = detect(local_rekognition)
    [recorded] = DETECTIONS["a phone, with aliases, colours and a box that begins outside"]["Labels"]
    assert all(label.keys() == recorded.keys() for label in content["Labels"])
    [box] = content["Labels"][0]["Instances"]
    assert box.keys() == recorded["Instances"][0].keys()
    assert box["BoundingBox"]["Left"] < 0
