"""DetectLabels' answers as AWS gives them, and each of its errors in AWS's words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from photo_labels.records.attributes import from_attributes
from tests.contract.answers import DETECTED, front_error, photo, rekognition, rekognition_error
from tests.contract.function import DECODED, SETTINGS, notification
from tests.contract.server import Answer

if TYPE_CHECKING:
    from tests.contract.function import Function
    from tests.contract.server import Aws


def label(name: str, confidence: float, *boxes: dict[str, float], **more: Any) -> dict[str, Any]:
    instances = [{"BoundingBox": box, "Confidence": confidence, "DominantColors": []} for box in boxes]
    usual: dict[str, Any] = {"Parents": [], "Aliases": [], "Categories": []}
    return {"Name": name, "Confidence": confidence, "Instances": instances, **usual, **more}


# API reference, DetectLabels; and BoundingBox: what is at an edge may begin outside, below zero.
PHONE = label(
    "Mobile Phone",
    99.99987030029297,
    {"Width": 0.37731990218162537, "Height": 0.7043000459671021, "Left": -0.0013083279132843018, "Top": 0.2966},
    Parents=[{"Name": "Phone"}],
    Aliases=[{"Name": "Cell Phone"}],
    Categories=[{"Name": "Technology and Computing"}],
)
# A confidence that is a whole number, and one that JSON writes with an exponent.
TINY = label("Face", 100, {"Width": 1.0, "Height": 0.5, "Left": 9.313225746154785e-10, "Top": 0})

DETECTIONS: dict[str, dict[str, Any]] = {
    "a cat": DETECTED,
    "a phone, with aliases, colours and a box that begins outside": {
        "Labels": [PHONE],
        "LabelModelVersion": "3.0",
    },
    "numbers of every kind": {"Labels": [TINY], "LabelModelVersion": "3.0"},
    "a photo that was turned": {
        "Labels": [PHONE],
        "LabelModelVersion": "3.0",
        "OrientationCorrection": "ROTATE_90",
    },
    "properties that nobody asked for": {
        **DETECTED,
        "ImageProperties": {"Quality": {"Brightness": 40.1}, "DominantColors": [{"HexCode": "#778899"}]},
    },
    # Daniel-t/node-red-contrib-aws#91.
    "labels as the first models gave them": {"Labels": [{"Name": "Cat", "Confidence": 98.1}]},
    "nothing": {"Labels": [], "LabelModelVersion": "3.0"},
}


@pytest.mark.parametrize("name", DETECTIONS)
def test_given_what_rekognition_found_when_written_then_the_document_has_it_to_the_last_digit(
    function: Function, aws: Aws, name: str
) -> None:
    found = DETECTIONS[name]
    aws.tell("DetectLabels", rekognition(found))
    assert function.receive(notification()) == "LABELLED"
    [document] = function.documents()
    labels = [one["M"] for one in document["Labels"]["L"]]
    assert [one["Name"]["S"] for one in labels] == [one["Name"] for one in found["Labels"]]
    for ours, theirs in zip(labels, found["Labels"], strict=True):
        assert float(ours["Confidence"]["N"]) == theirs["Confidence"]
        boxes = [one["M"]["BoundingBox"]["M"] for one in ours["Instances"]["L"]]
        given = [one["BoundingBox"] for one in theirs.get("Instances", [])]
        assert [{side: float(value["N"]) for side, value in box.items()} for box in boxes] == given
        aliases = [one["Name"] for one in theirs.get("Aliases", [])]
        assert [one["S"] for one in ours.get("Aliases", {"L": []})["L"]] == aliases
        usual = {"Name", "Confidence", "Parents", "Categories", "Instances"}
        assert ours.keys() == usual | ({"Aliases"} if aliases else set())


# Answered by AWS: carbon/Amazon, DetectLabelsResultTests.
PROPERTIES = {
    "Background": {
        "DominantColors": [
            {
                "Blue": 79,
                "CSSColor": "darkslategrey",
                "Green": 79,
                "HexCode": "#2f4f4f",
                "PixelPercent": 39.453125,
                "Red": 47,
                "SimplifiedColor": "grey",
            }
        ],
        "Quality": {"Brightness": 63.69063186645508, "Sharpness": 80.79820251464844},
    },
    "DominantColors": [
        {
            "Blue": 79,
            "CSSColor": "darkslategrey",
            "Green": 79,
            "HexCode": "#2f4f4f",
            "PixelPercent": 25.40567970275879,
            "Red": 47,
            "SimplifiedColor": "grey",
        },
        {
            "Blue": 0,
            "CSSColor": "black",
            "Green": 0,
            "HexCode": "#000000",
            "PixelPercent": 22.312374114990234,
            "Red": 0,
            "SimplifiedColor": "black",
        },
    ],
    "Foreground": {
        "DominantColors": [],
        "Quality": {"Brightness": 44.656272888183594, "Sharpness": 81.89669036865234},
    },
    "Quality": {
        "Brightness": 59.91098403930664,
        "Contrast": 80.38261413574219,
        "Sharpness": 81.02310943603516,
    },
}


@pytest.mark.parametrize("is_converting", [False, True])
def test_given_image_properties_when_asked_for_then_the_document_has_them_rounded(
    function: Function, aws: Aws, is_converting: bool
) -> None:
    aws.tell("GetObject", photo(DECODED))
    aws.tell("DetectLabels", rekognition({**DETECTED, "ImageProperties": PROPERTIES}))
    settings = replace(SETTINGS, image_properties=True)
    function.receive(notification(), settings=settings, is_converting=is_converting)
    [asked] = aws.of("DetectLabels")
    assert asked.content["Features"] == ["GENERAL_LABELS", "IMAGE_PROPERTIES"]
    [document] = function.documents()
    assert from_attributes(document)["ImageProperties"] == {
        "Sharpness": Decimal("81.02"),
        "Brightness": Decimal("59.91"),
        "Contrast": Decimal("80.38"),
        "DominantColors": [
            {"HexCode": "#2f4f4f", "SimplifiedColor": "grey", "PixelPercent": Decimal("25.4")},
            {"HexCode": "#000000", "SimplifiedColor": "black", "PixelPercent": Decimal("22.3")},
        ],
        "Foreground": {"Sharpness": Decimal("81.9"), "Brightness": Decimal("44.66")},
        "Background": {"Sharpness": Decimal("80.8"), "Brightness": Decimal("63.69")},
    }


@dataclass(frozen=True)
class Case:
    """An answer, from where that is known; and what becomes of the photo where it stays, and where it passes."""

    source: str
    answer: Answer
    end: str
    after: str = ""
    # With bytes instead of an object; where that is another end.
    converting: str = ""


API = "Rekognition's API reference, DetectLabels, Errors"
ERRORS = {
    "AccessDeniedException": Case(
        "sebdah/dynamic-dynamodb#321, of DynamoDB",
        front_error(
            "AccessDeniedException",
            "User: arn:aws:sts::123456789012:assumed-role/label/label is not authorized to perform: "
            "rekognition:DetectLabels because no identity-based policy allows the rekognition:DetectLabels action",
        ),
        "comes back",
    ),
    "ImageTooLargeException": Case(
        "awsdocs/aws-doc-sdk-examples#4848",
        rekognition_error(
            "ImageTooLargeException",
            "Input image dimensions 10800 x 5400 exceed maximum dimension size of 10000 pixels",
        ),
        "forwarded",
        converting="REJECTED ImageTooLargeException",
    ),
    "InternalServerError": Case(
        API, rekognition_error("InternalServerError", "Internal server error", 500), "comes back", "LABELLED"
    ),
    "InvalidImageFormatException": Case(
        "aws/aws-sdk-js#2315",
        rekognition_error("InvalidImageFormatException", "Request has invalid image format"),
        "forwarded",
        converting="REJECTED InvalidImageFormatException",
    ),
    "InvalidParameterException": Case(
        "boto/botocore#1366, of a side below 80 pixels",
        rekognition_error("InvalidParameterException", "Request has Invalid Parameters"),
        "REJECTED InvalidParameterException",
    ),
    "InvalidS3ObjectException": Case(
        "aws/aws-sdk-php#2710",
        rekognition_error(
            "InvalidS3ObjectException",
            "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
        ),
        "comes back",
    ),
    "ProvisionedThroughputExceededException": Case(
        "accelerated-intelligent-document-processing-on-aws#288",
        front_error("ProvisionedThroughputExceededException", "Provisioned rate exceeded"),
        "comes back",
        "LABELLED",
    ),
    "ThrottlingException": Case(
        API, front_error("ThrottlingException", "Rate exceeded"), "comes back", "LABELLED"
    ),
    "ValidationException": Case(
        "API reference, Image, Bytes: of constraints that the service model has",
        front_error(
            "ValidationException",
            "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=6291456 cap=6291456]' at "
            "'image.bytes' failed to satisfy constraint: Member must have length less than or equal to 5242880",
        ),
        "REJECTED ValidationException",
    ),
    "ExpiredTokenException": Case(
        "API reference, common errors",
        front_error("ExpiredTokenException", "The security token included in the request is expired"),
        "comes back",
    ),
    "UnrecognizedClientException": Case(
        "API reference, common errors",
        front_error("UnrecognizedClientException", "The security token included in the request is invalid."),
        "comes back",
    ),
    "InvalidSignatureException": Case(
        "API reference, common errors: a clock that is wrong",
        front_error("InvalidSignatureException", "Signature expired: 20261123T060000Z is now earlier than …"),
        "comes back",
    ),
    "ServiceUnavailable": Case(
        "API reference, common errors",
        Answer(503, b"<html><body><b>Http/1.1 Service Unavailable</b></body> </html>", {"Connection": "close"}),
        "comes back",
        "LABELLED",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_given_an_error_of_rekognition_when_it_stays_then_that_is_what_becomes_of_the_photo(
    function: Function, aws: Aws, name: str
) -> None:
    aws.tell("DetectLabels", ERRORS[name].answer)
    assert function.receive(notification()) == ERRORS[name].end


@pytest.mark.parametrize("name", ERRORS)
def test_given_error_of_rekognition_when_it_was_shown_bytes_then_that_is_what_becomes_of_photo(
    function: Function, aws: Aws, name: str
) -> None:
    aws.tell("GetObject", photo(DECODED))
    aws.tell("DetectLabels", ERRORS[name].answer)
    end = ERRORS[name].converting or ERRORS[name].end
    assert function.receive(notification(), is_converting=True) == end


@pytest.mark.parametrize("name", [name for name in ERRORS if ERRORS[name].after])
def test_given_an_error_of_rekognition_when_it_passes_then_the_photo_is_labelled(
    function: Function, aws: Aws, name: str
) -> None:
    aws.tell("DetectLabels", ERRORS[name].answer, rekognition(DETECTED))
    assert function.receive(notification()) == ERRORS[name].after
    [stats] = function.report.call_stats.values()
    assert (stats.calls, stats.throttles) == (
        2,
        name in {"ThrottlingException", "ProvisionedThroughputExceededException"},
    )


def test_given_a_rejection_when_written_then_it_says_what_rekognition_said(function: Function, aws: Aws) -> None:
    aws.tell("DetectLabels", ERRORS["InvalidParameterException"].answer)
    function.receive(notification())
    [document] = function.documents()
    assert document["Detail"]["S"].endswith("Rekognition says: Request has Invalid Parameters")
