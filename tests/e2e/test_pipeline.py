"""Photos in by plain boto3, labels out, on the local cloud with the real template, function and models."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Pipeline

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CAT = (SAMPLES / "cat.jpg").read_bytes()
COFFEE = (SAMPLES / "coffee.jpg").read_bytes()


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def cat() -> Image.Image:
    return Image.open(io.BytesIO(CAT)).convert("RGB")


# The plain way


def test_given_a_photo_when_uploaded_then_it_is_found_by_its_label(pipeline: Pipeline) -> None:
    document = pipeline.settled("cat.jpg", pipeline.upload("cat.jpg", CAT))
    assert document["Status"] == "LABELLED"
    labels = {label["Name"]: label for label in document["Labels"]}
    assert {"Cat", "Animal", "Mammal"} <= set(labels)
    assert {"Animal", "Mammal"} <= set(labels["Cat"]["Parents"])
    [best] = [row for row in pipeline.rows("Cat") if row["ImageID"] == document["ImageID"]]
    assert best["Sequencer"] == document["Sequencer"]
    assert best["Rank"].startswith(f"{labels['Cat']['Confidence']:06.2f}#")


def test_given_a_photo_when_labelled_then_rekognition_was_paid_once(pipeline: Pipeline) -> None:
    pipeline.settled("once.jpg", pipeline.upload("once.jpg", CAT))
    assert pipeline.recogniser("calls")["objects"][f"{pipeline.bucket}/once.jpg"] == 1


LONGEST = "long/" + "é" * 507 + "x.jpg"
KEYS = ["space plus+file.jpg", "100%.jpg", "%2B.jpg", "ünï/日本.jpg", "a//b.jpg", "<b>&\"'.jpg", LONGEST]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key)[:30])
def test_given_any_key_when_uploaded_then_its_document_has_it_as_it_is(pipeline: Pipeline, key: str) -> None:
    document = pipeline.settled(key, pipeline.upload(key, CAT))
    assert (document["Status"], document["Key"]) == ("LABELLED", key)
    assert key in pipeline.keys_under("Cat")


def test_given_the_longest_key_when_counted_then_it_has_1024_bytes() -> None:
    assert len(LONGEST.encode()) == 1024


# Bad input


LABELLED: dict[str, Callable[[], bytes]] = {
    "cmyk.jpg": lambda: encoded(cat().convert("CMYK"), "JPEG"),
    "16-bit.png": lambda: encoded(cat().convert("L").convert("I;16"), "PNG"),
    "palette.png": lambda: encoded(cat().convert("P"), "PNG"),
    "lying-extension.png": lambda: CAT,
    "80x80.jpg": lambda: encoded(cat().resize((80, 80)), "JPEG"),
    "photo.gif": lambda: encoded(cat(), "GIF"),
    "heavy.jpg": lambda: CAT + b"\0" * 15 * 2**20,
}
REJECTED: dict[str, tuple[Callable[[], bytes], str]] = {
    "text.jpg": (lambda: b"this is no photo, whatever its name says", "UnknownFormat"),
    "cut-off-before-its-pixels.jpg": (lambda: CAT[:300], "BrokenPhoto"),
    "empty.jpg": (lambda: b"", "EmptyObject"),
    "79x79.jpg": (lambda: encoded(cat().resize((79, 79)), "JPEG"), "TooSmall"),
}


@pytest.mark.parametrize("name", LABELLED)
def test_given_an_unusual_photo_when_uploaded_then_it_is_labelled(pipeline: Pipeline, name: str) -> None:
    assert pipeline.settled(name, pipeline.upload(name, LABELLED[name]()))["Status"] == "LABELLED"


@pytest.mark.parametrize("name", ["cut-off.jpg", "cut-off.png"])
def test_given_half_a_photo_when_uploaded_then_its_labels_are_of_what_is_there(
    pipeline: Pipeline, name: str
) -> None:
    whole = encoded(cat(), "PNG" if name.endswith("png") else "JPEG")
    document = pipeline.settled(name, pipeline.upload(name, whole[: len(whole) * 2 // 3], exactly=True))
    assert (document["Status"], document["Truncated"]) == ("LABELLED", True)


def test_given_photos_with_broken_metadata_when_uploaded_then_their_pixels_count(pipeline: Pipeline) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    spoilt = {
        "order.jpg": encoded(cat(), "JPEG", exif=exif).replace(b"Exif\0\0MM", b"Exif\0\0MJ"),
        "big.jpg": encoded(cat(), "JPEG", exif=exif).replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0+"),
        "exif.png": encoded(cat(), "PNG", exif=b"Exif\0\0 and nothing else"),
    }
    etags = {key: pipeline.upload(key, body) for key, body in spoilt.items()}
    documents = {key: pipeline.settled(key, etag) for key, etag in etags.items()}
    assert {key: document["Status"] for key, document in documents.items()} == dict.fromkeys(spoilt, "LABELLED")


@pytest.mark.parametrize("name", REJECTED)
def test_given_a_bad_photo_when_uploaded_then_it_is_rejected_with_a_reason_and_others_are_not(
    pipeline: Pipeline, name: str
) -> None:
    make, reason = REJECTED[name]
    document = pipeline.settled(name, pipeline.upload(name, make()))
    beside = pipeline.settled(f"beside-{name}.jpg", pipeline.upload(f"beside-{name}.jpg", CAT))
    assert (document["Status"], document["Reason"]) == ("REJECTED", reason)
    assert re.fullmatch(r"[A-Z].{20,}", document["Detail"])
    assert beside["Status"] == "LABELLED"


NO_PHOTOS: dict[str, bytes] = {
    "clip.MOV": b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0" * 10_000,
    "cat.jpg.json": b"{}",
    "dir with space/.DS_Store": b"\0\0\0\1Bud1",
    "a folder/": b"",
    "film without a suffix": b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0" * 10_000,
    "short.unknown": b"x",
}


@pytest.mark.parametrize("key", NO_PHOTOS)
def test_given_a_file_that_is_no_photo_when_uploaded_then_rekognition_is_never_asked(
    pipeline: Pipeline, key: str
) -> None:
    before = pipeline.recogniser("calls")["outcomes"]
    document = pipeline.settled(key, pipeline.upload(key, NO_PHOTOS[key]))
    assert (document["Status"], document["Reason"]) == ("REJECTED", "NotAPhoto")
    assert pipeline.recogniser("calls")["outcomes"] == before


def noise(width: int, height: int) -> Image.Image:
    return Image.effect_noise((width, height), 90)


# And the refusals that it takes: light ones are told by their header.
TOO_SMALL: dict[str, tuple[Callable[[], bytes], int]] = {
    "64x48.jpg": (lambda: encoded(noise(64, 48), "JPEG", quality=75).ljust(2_000, b"\0"), 0),
    "64x48 without a suffix": (lambda: encoded(noise(64, 48), "PNG"), 0),
    "70x2000.png": (lambda: encoded(noise(70, 2_000), "PNG"), 1),
    "79x300.jpg": (lambda: encoded(noise(79, 300), "JPEG", icc_profile=bytes(100_000)), 1),
}


@pytest.mark.parametrize("key", TOO_SMALL)
def test_given_a_photo_that_is_too_small_when_uploaded_then_it_says_so_with_its_numbers(
    pipeline: Pipeline, key: str
) -> None:
    make, refusals = TOO_SMALL[key]
    body = make()
    assert (len(body) >= 20_000) == bool(refusals)
    document = pipeline.settled(key, pipeline.upload(key, body))
    width, height = Image.open(io.BytesIO(body)).size
    assert (document["Status"], document["Reason"]) == ("REJECTED", "TooSmall")
    assert document["Detail"] == f"The photo has {width:,} x {height:,} pixels; Rekognition needs 80 on each side."
    calls, image = pipeline.recogniser("calls"), f"{pipeline.bucket}/{key}"
    assert (calls["objects"].get(image, 0), calls["paid"].get(image, 0)) == (refusals, 0)


def test_given_photos_without_a_suffix_when_uploaded_then_they_are_labelled(pipeline: Pipeline) -> None:
    files = {"cat of no suffix": CAT, "cat.unknown": encoded(cat(), "WEBP")}
    etags = {key: pipeline.upload(key, body) for key, body in files.items()}
    assert {pipeline.settled(key, etag)["Status"] for key, etag in etags.items()} == {"LABELLED"}


def test_given_an_exif_rotated_photo_when_uploaded_then_boxes_refer_to_the_upright_image(
    pipeline: Pipeline,
) -> None:
    upright = pipeline.settled("upright.jpg", pipeline.upload("upright.jpg", encoded(cat(), "JPEG", quality=95)))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    turned = encoded(cat().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)
    rotated = pipeline.settled("rotated.jpg", pipeline.upload("rotated.jpg", turned))

    def box(document: dict[str, Any]) -> dict[str, float]:
        [found] = [label for label in document["Labels"] if label["Name"] == "Cat"]
        return {side: float(value) for side, value in found["Instances"][0]["BoundingBox"].items()}

    assert box(rotated) == pytest.approx(box(upright), abs=0.05)


POISON = {
    "": "InvalidJson",
    "no JSON": "InvalidJson",
    '{"Records": [{"s3": 7}]}': "InvalidS3Record",
    '{"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": "{}"}': "UnknownMessage",
    '{"detail-type": "Object Created", "source": "aws.s3", "detail": {}}': "InvalidEventBridgeEvent",
}


@pytest.mark.parametrize("body", [body for body in POISON if body])
def test_given_a_poison_message_when_received_then_it_is_in_the_dlq_with_a_reason(
    pipeline: Pipeline, body: str
) -> None:
    dead = pipeline.dead_letter(pipeline.send(body))
    assert dead["Body"] == body
    assert dead["MessageAttributes"]["Reason"]["StringValue"] == POISON[body]


def test_given_an_empty_body_when_sent_then_the_queue_itself_refuses_it(pipeline: Pipeline) -> None:
    with pytest.raises(ClientError, match="MessageBody"):
        pipeline.send("")


# Changes


def test_given_an_overwrite_when_labelled_then_labels_and_rows_are_replaced(pipeline: Pipeline) -> None:
    pipeline.settled("changed.jpg", pipeline.upload("changed.jpg", CAT))
    assert "changed.jpg" in pipeline.keys_under("Cat")
    document = pipeline.settled("changed.jpg", pipeline.upload("changed.jpg", COFFEE))
    names = {label["Name"] for label in document["Labels"]}
    assert "Cup" in names or "Coffee Cup" in names
    eventually(lambda: "changed.jpg" not in pipeline.keys_under("Cat"))
    assert all("changed.jpg" in pipeline.keys_under(name) for name in names)


def test_given_a_removal_when_received_then_there_is_a_tombstone_and_no_row(pipeline: Pipeline) -> None:
    pipeline.settled("removed.jpg", pipeline.upload("removed.jpg", CAT))
    pipeline.s3.delete_object(Bucket=pipeline.bucket, Key="removed.jpg")

    def tombstone() -> dict[str, Any] | None:
        document = pipeline.document("removed.jpg")
        return document if document and document["Status"] == "REMOVED" else None

    assert eventually(tombstone)["ExpiresAt"] > 0
    eventually(lambda: "removed.jpg" not in pipeline.keys_under("Cat"))


def test_given_a_reconcile_message_when_received_then_the_present_truth_is_written(pipeline: Pipeline) -> None:
    before = pipeline.settled("again.jpg", pipeline.upload("again.jpg", CAT))
    body = {"source": "photo-labels", "action": "reconcile", "bucket": pipeline.bucket, "key": "again.jpg"}
    pipeline.send(json.dumps(body | {"force": True}))

    def written_again() -> bool:
        document = pipeline.document("again.jpg")
        return bool(document and document["LabelledAt"] > before["LabelledAt"])

    eventually(written_again)


# Faults


def test_given_a_refusal_that_passes_when_the_record_comes_back_then_it_succeeds(pipeline: Pipeline) -> None:
    pipeline.recogniser("settings", {"mode": "simulated", "errors": {"AccessDeniedException": 1.0}})
    try:
        etag = pipeline.upload("comes-back.jpg", CAT)
        [line, *_] = eventually(lambda: pipeline.log_lines("comes-back.jpg"))
        assert json.loads(line)["reason"] == "AccessDeniedException"
        assert pipeline.document("comes-back.jpg") is None
    finally:
        pipeline.recogniser("settings", {"mode": "vision", "errors": {}})
    assert pipeline.settled("comes-back.jpg", etag)["Status"] == "LABELLED"


def test_given_throttling_when_it_ends_then_the_photo_is_labelled_in_the_same_invocation(
    pipeline: Pipeline,
) -> None:
    pipeline.recogniser("settings", {"mode": "simulated", "errors": {"ThrottlingException": 1.0}})
    try:
        etag = pipeline.upload("throttled.jpg", CAT)
        eventually(lambda: pipeline.recogniser("calls")["objects"].get(f"{pipeline.bucket}/throttled.jpg", 0) > 1)
    finally:
        pipeline.recogniser("settings", {"mode": "vision", "errors": {}})
    assert pipeline.settled("throttled.jpg", etag)["Status"] == "LABELLED"
    assert pipeline.log_lines("throttled.jpg") == []


# The role


class Role:
    """Clients with the credentials of the function's role."""

    def __init__(self, pipeline: Pipeline) -> None:
        target = pipeline.cloud.target
        function = target.client("lambda").get_function_configuration(
            FunctionName=pipeline.outputs["FunctionName"]
        )
        answer = target.client("sts").assume_role(RoleArn=function["Role"], RoleSessionName="test")
        self._endpoint_url = target.endpoint_url
        self._credentials = {
            "access_key_id": answer["Credentials"]["AccessKeyId"],
            "secret_access_key": answer["Credentials"]["SecretAccessKey"],
            "session_token": answer["Credentials"]["SessionToken"],
        }
        pipeline.recogniser("credentials", self._credentials)

    def __call__(self, service: str, endpoint_url: str | None = None) -> Any:
        credentials = {f"aws_{name}": value for name, value in self._credentials.items()}
        session: Any = boto3.Session(**credentials, region_name="us-east-1")
        return session.client(service, endpoint_url=endpoint_url or self._endpoint_url)


@pytest.fixture(scope="module")
def role(pipeline: Pipeline) -> Role:
    return Role(pipeline)


BEYOND: dict[str, Callable[[Pipeline, Role], Any]] = {
    "list tables": lambda _, role: role("dynamodb").list_tables(),
    "scan documents": lambda p, role: role("dynamodb").scan(TableName=p.outputs["ImageLabelsTable"]),
    "delete a document": lambda p, role: role("dynamodb").delete_item(
        TableName=p.outputs["ImageLabelsTable"], Key={"ImageID": {"S": "a"}}
    ),
    "upload": lambda p, role: role("s3").put_object(Bucket=p.bucket, Key="a", Body=b""),
    "delete a photo": lambda p, role: role("s3").delete_object(Bucket=p.bucket, Key="a"),
    "read another bucket": lambda _, role: role("s3").get_object(Bucket="another", Key="a"),
    "send to the source queue": lambda p, role: role("sqs").send_message(
        QueueUrl=p.outputs["QueueUrl"], MessageBody="a"
    ),
    "purge the DLQ": lambda p, role: role("sqs").purge_queue(QueueUrl=p.outputs["DeadLetterQueueUrl"]),
    "create a user": lambda _, role: role("iam").create_user(UserName="mallory"),
    "take on a role": lambda _, role: role("sts").assume_role(
        RoleArn="arn:aws:iam::000000000000:role/admin", RoleSessionName="mallory"
    ),
}


@pytest.mark.parametrize("action", BEYOND)
def test_given_the_functions_role_when_it_does_more_than_it_needs_then_it_is_refused(
    pipeline: Pipeline, role: Role, action: str
) -> None:
    pipeline.s3.create_bucket(Bucket="another")
    with pytest.raises(ClientError) as refused:
        BEYOND[action](pipeline, role)
    assert refused.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}


def test_given_a_photo_that_the_role_may_not_read_when_recognised_then_rekognition_may_not(
    pipeline: Pipeline, role: Role
) -> None:
    pipeline.s3.create_bucket(Bucket="another")
    pipeline.s3.put_object(Bucket="another", Key="cat.jpg", Body=CAT)
    rekognition = role("rekognition", pipeline.cloud.rekognition_url)
    with pytest.raises(rekognition.exceptions.InvalidS3ObjectException):
        rekognition.detect_labels(Image={"S3Object": {"Bucket": "another", "Name": "cat.jpg"}})
