"""DynamoDB's answers, and what they mean for a photo: throttles, lost conditions, statements with ends of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.answers import dynamodb, dynamodb_error
from tests.contract.function import BUCKET, SETTINGS, notification
from tests.contract.server import Answer

if TYPE_CHECKING:
    from tests.contract.function import Function
    from tests.contract.server import Aws, Request

LOCALSTACK = "localstack/localstack tests/aws/services/dynamodb, recorded on AWS: "
GUIDE = "DynamoDB's developer guide, error handling: "
CORAL = "com.amazon.coral.availability"
SERVICE = "com.amazon.coral.service"
# The operations that a photo's end depends on.
EVERY = ["BatchGetItem", "BatchWriteItem", "BatchExecuteStatement", "PutItem"]
# Sequencers around the one of `notification()`.
OLDER, NEWER = "0055AED6DCD90281E4", "0055AED6DCD90281E6"


def item(sequencer: str = NEWER, status: str = "LABELLED", **more: Any) -> dict[str, Any]:
    """A document as DynamoDB gives it back."""
    return {
        "ImageID": {"S": f"{BUCKET}/cat.jpg"},
        "Bucket": {"S": BUCKET},
        "Key": {"S": "cat.jpg"},
        "Sequencer": {"S": sequencer},
        "Status": {"S": status},
        "Labels": {"L": []},
        "LabelledAt": {"S": "2026-11-23T06:00:00.000Z"},
        **more,
    }


@dataclass(frozen=True)
class Fault:
    """An answer of any operation, from where that is known, and whether it passes while one waits."""

    source: str
    answer: Answer
    passes: bool


FAULTS = {
    "on-demand capacity": Fault(
        GUIDE + "ThrottlingException",
        dynamodb_error(
            "ThrottlingException",
            "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your "
            "table or index so please try again shortly.",
            of=CORAL,
        ),
        passes=True,
    ),
    "provisioned capacity": Fault(
        GUIDE + "ProvisionedThroughputExceededException",
        dynamodb_error(
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
            "provisioning level with the UpdateTable API.",
        ),
        passes=True,
    ),
    "the account's limit": Fault(
        GUIDE + "RequestLimitExceeded",
        dynamodb_error(
            "RequestLimitExceeded",
            "Throughput exceeds the current throughput limit for your account. Please contact AWS Support at "
            "https://aws.amazon.com/support request a limit increase",
        ),
        passes=True,
    ),
    "an error of its own": Fault(
        GUIDE + "InternalServerError",
        dynamodb_error(
            "InternalServerError", "The request processing has failed because of an unknown error", 500
        ),
        passes=True,
    ),
    "a page of a load balancer": Fault(
        GUIDE + "503",
        Answer(503, b"<html><body><b>Http/1.1 Service Unavailable</b></body> </html>", {"Connection": "close"}),
        passes=True,
    ),
    "no right": Fault(
        "sebdah/dynamic-dynamodb#321: `Message`, where others have `message`",
        dynamodb_error(
            "AccessDeniedException",
            "User: arn:aws:sts::123456789012:assumed-role/label/label is not authorized to perform: dynamodb:PutItem "
            "on resource: arn:aws:dynamodb:eu-central-1:123456789012:table/ImageLabels because no identity-based "
            "policy allows the dynamodb:PutItem action",
            of=SERVICE,
        ),
        passes=False,
    ),
    "credentials that ran out": Fault(
        GUIDE + "ExpiredTokenException",
        dynamodb_error(
            "ExpiredTokenException", "The security token included in the request is expired", of=SERVICE
        ),
        passes=False,
    ),
    "no table": Fault(
        LOCALSTACK + "ResourceNotFoundException",
        dynamodb_error("ResourceNotFoundException", "Requested resource not found"),
        passes=False,
    ),
}


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize("name", FAULTS)
def test_given_a_fault_when_it_passes_then_the_photo_is_labelled(
    function: Function, aws: Aws, name: str, operation: str
) -> None:
    fault = FAULTS[name]
    if operation == "PutItem":  # what is asked where a statement of the batch has failed
        aws.tell("BatchExecuteStatement", dynamodb({"Responses": [THROTTLED]}))
    usual = {
        "BatchGetItem": {"Responses": {"ImageLabels": []}, "UnprocessedKeys": {}},
        "BatchExecuteStatement": {"Responses": [{"TableName": "ImageLabels"}]},
    }
    aws.tell(operation, fault.answer, dynamodb(usual.get(operation, {})))
    assert function.receive(notification()) == ("LABELLED" if fault.passes else "comes back")


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize("name", FAULTS)
def test_given_a_fault_when_it_stays_then_the_message_comes_back_and_is_paid_once(
    function: Function, aws: Aws, name: str, operation: str
) -> None:
    if operation == "PutItem":
        aws.tell("BatchExecuteStatement", dynamodb({"Responses": [THROTTLED]}))
    aws.tell(operation, FAULTS[name].answer)
    assert function.receive(notification()) == "comes back"
    assert len(aws.of("DetectLabels")) == (operation != "BatchGetItem")


# What a statement of a batch may end with. API reference, BatchStatementError.
THROTTLED = {
    "Error": {
        "Code": "ThrottlingError",
        "Message": "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling "
        "your table or index so please try again shortly.",
    },
    "TableName": "ImageLabels",
}
DUPLICATE = {
    "Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"},
    "TableName": "ImageLabels",
}


@pytest.mark.parametrize(
    "error",
    [
        THROTTLED,
        DUPLICATE,
        {"Error": {"Code": "InternalServerError", "Message": "Internal server error"}},
        {"Error": {"Code": "ProvisionedThroughputExceeded", "Message": "The level of configured provisioned …"}},
        {"Error": {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}},
    ],
    ids=lambda error: error["Error"]["Code"],
)
def test_given_statements_with_ends_of_their_own_when_some_fail_then_those_are_written_alone(
    function: Function, aws: Aws, error: dict[str, Any]
) -> None:
    def answer(request: Request) -> Answer:
        return dynamodb(
            {"Responses": [error if "b.jpg" in str(one) else fine for one in request.content["Statements"]]}
        )

    fine = {"TableName": "ImageLabels"}
    aws.tell("BatchExecuteStatement", answer)
    assert function.receive(notification(key="a.jpg"), notification(key="b.jpg")) == "LABELLED"
    assert function.report.failed == []
    assert [put.content["Item"]["Key"]["S"] for put in aws.of("PutItem")] == ["b.jpg"]


def lost(present: dict[str, Any] | None) -> Answer:
    """LocalStack's test_return_values_on_conditions_check_failure: `Item` is beside the message, at the top."""
    found: dict[str, Any] = {"Item": present} if present else {}
    return dynamodb_error("ConditionalCheckFailedException", "The conditional request failed", **found)


@pytest.mark.parametrize(
    ("present", "end"),
    [
        (item(NEWER), "done"),
        (item(NEWER, "REMOVED"), "done"),
        # Its own sequencer: another delivery of the same event was faster.
        (item("0055AED6DCD90281E5"), "done"),
        # Gone again, before it could be told what was there.
        (None, "comes back"),
    ],
)
def test_given_a_lost_condition_when_dynamodb_says_who_won_then_the_newer_one_stays(
    function: Function, aws: Aws, present: dict[str, Any] | None, end: str
) -> None:
    aws.tell("BatchExecuteStatement", dynamodb({"Responses": [DUPLICATE]}))
    aws.tell("PutItem", lost(present))
    assert function.receive(notification()) == end


def test_given_a_document_of_this_version_when_read_then_nothing_is_paid(function: Function, aws: Aws) -> None:
    aws.tell("BatchGetItem", dynamodb({"Responses": {"ImageLabels": [item(NEWER)]}, "UnprocessedKeys": {}}))
    assert function.receive(notification()) == "done"
    assert "DetectLabels" not in aws.operations()


def test_given_an_older_document_when_replaced_then_its_rows_are_deleted(function: Function, aws: Aws) -> None:
    """PutItem gives what it replaced as `Attributes`. API reference, PutItem, ReturnValues."""
    label: dict[str, Any] = {"Name": {"S": "Dog"}, "Confidence": {"N": "90.5"}}
    label |= {key: {"L": []} for key in ("Parents", "Categories", "Instances")}
    old = item(OLDER, Labels={"L": [{"M": label}]})
    aws.tell("BatchGetItem", dynamodb({"Responses": {"ImageLabels": [old]}, "UnprocessedKeys": {}}))
    aws.tell("PutItem", dynamodb({"Attributes": old}))
    assert function.receive(notification()) == "LABELLED"
    *_, last = aws.of("BatchWriteItem")
    [request] = last.content["RequestItems"]["LabelIndex"]
    assert request["DeleteRequest"]["Key"]["Label"] == {"S": "Dog"}


def test_given_what_stays_unprocessed_when_told_then_it_is_sent_again(function: Function, aws: Aws) -> None:
    """API reference, BatchGetItem and BatchWriteItem: a 200 that is not all."""
    keys = {"ImageLabels": {"Keys": [{"ImageID": {"S": f"{BUCKET}/cat.jpg"}}], "ConsistentRead": True}}
    aws.tell(
        "BatchGetItem",
        dynamodb({"Responses": {}, "UnprocessedKeys": keys}),
        dynamodb({"Responses": {"ImageLabels": []}, "UnprocessedKeys": {}}),
    )
    row = {"Label": {"S": "Cat"}, "Rank": {"S": "099.62#1#1"}}
    rest = {"LabelIndex": [{"PutRequest": {"Item": row}}]}
    aws.tell("BatchWriteItem", dynamodb({"UnprocessedItems": rest}), dynamodb({"UnprocessedItems": {}}))
    assert function.receive(notification()) == "LABELLED"
    assert aws.of("BatchGetItem")[1].content["RequestItems"] == keys
    assert aws.of("BatchWriteItem")[1].content["RequestItems"] == rest


def test_given_a_turn_that_others_took_when_told_then_the_next_is_taken(function: Function, aws: Aws) -> None:
    """UpdateItem's lost condition has the item at the top, too."""
    taken = {"Operation": {"S": "DetectLabels"}, "NextTurn": {"N": "1795400000.25"}}
    answers = [lost(taken), dynamodb({"Attributes": taken | {"NextTurn": {"N": "1795400000.5"}}})]
    aws.tell("UpdateItem", *answers)
    limited = replace(SETTINGS, rekognition_tps=5.0)
    assert function.receive(notification(), settings=limited) == "LABELLED"
    assert len(aws.of("UpdateItem")) == 2


@pytest.mark.parametrize("name", FAULTS)
def test_given_no_slots_to_be_had_when_the_table_fails_then_photos_are_labelled_all_the_same(
    function: Function, aws: Aws, name: str
) -> None:
    aws.tell("UpdateItem", FAULTS[name].answer)
    limited = replace(SETTINGS, rekognition_tps=100.0)
    assert function.receive(notification(), settings=limited) == "LABELLED"
