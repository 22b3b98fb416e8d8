"""All calls to the tables: documents read and committed, index rows written and deleted, claims of contents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.deadline import call, pauses_s
from handler.timeouts import DYNAMODB
from photo_labels.records.attributes import from_attributes, to_attributes
from photo_labels.records.contents import Claim, content_key
from photo_labels.records.documents import Document, NotOursError, expression_values, iso, unchanged
from photo_labels.records.errors import AWS_ERRORS, ForeignItemError, TransientError, code_of
from photo_labels.records.index import Row, row_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from types_boto3_dynamodb import DynamoDBClient

    from handler.deadline import Deadline
    from handler.decisions import Write

# Documents that are read together: BatchGetItem's 100 items, with as many claims.
MAX_READ_ITEMS = 50
MAX_WRITE_ITEMS = 25
# For one call about claims, with the attempts that follow a throttle: photos are not to wait for them.
CLAIM_PATIENCE_S = DYNAMODB.call_s + 0.5


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables say of some photos."""

    # By ImageID; an error where the item is not a document of ours.
    documents: dict[str, Document | ForeignItemError]
    # By content.
    claims: dict[str, Claim]
    # Why some claims are not among them.
    claim_error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """The document is in place; `replaced` is the one it took the place of."""

    replaced: Document | None


@dataclass(frozen=True, slots=True)
class ConditionFailed:
    """Another document was there first; the condition held it against ours."""

    winner: Document | None


class Storage:
    """The tables. Its methods are called from many threads; each resends until the deadline is near."""

    def __init__(
        self, client: DynamoDBClient, labels_table: str, index_table: str, claims_table: str | None = None
    ) -> None:
        self._client = client
        self._labels_table = labels_table
        self._index_table = index_table
        self._claims_table = claims_table or ""

    def read(self, images: Sequence[str], contents: Iterable[str], deadline: Deadline) -> Known:
        """Read the documents of at most 50 ImageIDs, consistently, and with them as many claims, which may be old.

        Raises when some documents could not be read. Claims are left out where reading them fails, or takes long:
        they only save money.
        """
        known = Known({}, {})
        keys = [{"ImageID": {"S": image}} for image in images]
        request: Any = {self._labels_table: {"Keys": keys, "ConsistentRead": True}} if keys else {}
        if claimed := [content_key(content) for content in dict.fromkeys(contents)]:
            joint = request | {self._claims_table: {"Keys": claimed}}
            try:
                request = self._read_once(joint, known, deadline.briefly(CLAIM_PATIENCE_S))
            except (*AWS_ERRORS, TransientError) as error:
                known = Known({}, {}, error)
            request.pop(self._claims_table, None)
        attempt = 0
        while request:
            request = self._read_once(request, known, deadline)
            if request:
                attempt += 1
                deadline.pause(pauses_s(attempt), then_s=DYNAMODB.call_s)
        return known

    def _read_once(self, request: Any, known: Known, deadline: Deadline) -> Any:
        """Read what BatchGetItem gives at once into `known`; return what it leaves to be asked for again."""
        answer: Any = call(lambda: self._client.batch_get_item(RequestItems=request), deadline, DYNAMODB.call_s)
        for item in answer["Responses"].get(self._labels_table, []):
            known.documents[item["ImageID"]["S"]] = _document(item)
        for item in answer["Responses"].get(self._claims_table, []):
            known.claims[item["Content"]["S"]] = Claim.from_item(item)
        return dict(answer.get("UnprocessedKeys", {}))

    def claim(self, own: Claim, over: Claim | None, deadline: Deadline) -> Claim | None:
        """Put a claim where there is none, or the same photo's, or `over`; return another that is there."""
        condition, values = "attribute_not_exists(Content) OR ImageID = :own", {":own": own.to_item()["ImageID"]}
        if over:
            condition += " OR ImageID = :image AND ClaimedAt = :at"
            values |= {":image": {"S": over.image_id}, ":at": {"S": over.claimed_at}}
        try:
            call(
                lambda: self._client.put_item(
                    TableName=self._claims_table,
                    Item=own.to_item(),
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                ),
                deadline,
                DYNAMODB.call_s,
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return Claim.from_item(error.response["Item"])  # type: ignore[typeddict-item]
        return None

    def release(self, content: str, image: str, deadline: Deadline) -> None:
        """Delete the claim of a photo, unless it is another's by now."""
        try:
            call(
                lambda: self._client.delete_item(
                    TableName=self._claims_table,
                    Key=content_key(content),
                    ConditionExpression="ImageID = :own",
                    ExpressionAttributeValues={":own": {"S": image}},
                ),
                deadline,
                DYNAMODB.call_s,
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise

    def put_rows(self, rows: Sequence[Row], deadline: Deadline) -> None:
        """Put at most 25 rows of different keys; raises unless all of them are written."""
        self._write([{"PutRequest": {"Item": to_attributes(row.to_item())}} for row in rows], deadline)

    def delete_rows(self, rows: Sequence[Row], deadline: Deadline) -> None:
        """Delete at most 25 rows of different keys, present or not; raises unless all are gone."""
        self._write([{"DeleteRequest": {"Key": row_key(*row.key)}} for row in rows], deadline)

    def insert(self, writes: Sequence[Write], deadline: Deadline) -> set[str]:
        """Write at most 25 documents, of images that have none, in one call; returns the ImageIDs written.

        Less than half of the CPU that as many PutItem calls take, and about half of the time (`make bench`).
        What is not written (somebody was first, a throttle) is for `commit`, whose answer says more.
        """
        statements: Any = [self._insertion(write.document) for write in writes]
        answer = call(
            lambda: self._client.batch_execute_statement(Statements=statements), deadline, DYNAMODB.call_s
        )
        ends = zip(writes, answer["Responses"], strict=True)
        return {write.image_id for write, end in ends if "Error" not in end}

    def commit(self, write: Write, deadline: Deadline) -> Committed | ConditionFailed:
        """Write a document on condition: newer than what is there, or (reconciled) what is there is unchanged.

        What is there may be a purge's tombstone: then it has to be newer than the purge, too.

        An attempt that was written although its answer got lost finds itself as the winner: then it counts
        as committed, over the document that was read before.
        """
        document = write.document
        condition, values = _condition(write)
        item = to_attributes(document.to_item())
        try:
            answer = call(
                lambda: self._client.put_item(
                    TableName=self._labels_table,
                    Item=item,
                    ConditionExpression=condition,
                    **expression_values(values),
                    ReturnValues="ALL_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                ),
                deadline,
                DYNAMODB.call_s,
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            winner = _ours(error.response.get("Item"))
            is_own = winner is not None and winner.commit == document.commit
            return Committed(write.known) if is_own else ConditionFailed(winner)
        return Committed(_ours(answer.get("Attributes")))

    def _insertion(self, document: Document) -> dict[str, Any]:
        item = to_attributes(document.to_item())
        places = ", ".join(f"'{name}': ?" for name in item)
        statement = f'INSERT INTO "{self._labels_table}" VALUE {{{places}}}'
        return {"Statement": statement, "Parameters": list(item.values())}

    def _write(self, requests: list[Any], deadline: Deadline) -> None:
        """BatchWriteItem until nothing is unprocessed; the SDK does not do that by itself."""
        attempt = 0
        while requests:
            batch = {self._index_table: requests}
            answer = call(lambda: self._client.batch_write_item(RequestItems=batch), deadline, DYNAMODB.call_s)  # noqa: B023
            requests = list(answer.get("UnprocessedItems", {}).get(self._index_table, []))
            if requests:
                attempt += 1
                deadline.pause(pauses_s(attempt), then_s=DYNAMODB.call_s)


def in_statements(writes: Iterable[Write]) -> Iterator[tuple[Write, ...]]:
    """Cut documents into BatchExecuteStatement's 25."""
    left = tuple(writes)
    for start in range(0, len(left), MAX_WRITE_ITEMS):
        yield left[start : start + MAX_WRITE_ITEMS]


def in_writes(rows: Iterable[Row]) -> Iterator[tuple[Row, ...]]:
    """Cut rows into BatchWriteItem's 25, no two of one key (it refuses the whole call otherwise)."""
    unique = tuple({row.key: row for row in rows}.values())
    for start in range(0, len(unique), MAX_WRITE_ITEMS):
        yield unique[start : start + MAX_WRITE_ITEMS]


def _condition(write: Write) -> tuple[str, dict[str, dict[str, str]]]:
    if write.reconciled:
        return unchanged(write.known)
    condition = "attribute_not_exists(ImageID) OR Sequencer < :new AND attribute_not_exists(PurgedAt)"
    values = {":new": {"S": write.document.sequencer}}
    if write.moment:
        condition += " OR Sequencer < :new AND PurgedAt < :moment"
        values[":moment"] = {"S": iso(write.moment)}
    return condition, values


def _document(item: dict[str, Any]) -> Document | ForeignItemError:
    try:
        return Document.from_item(from_attributes(item))
    except NotOursError:
        return ForeignItemError()


def _ours(item: Any) -> Document | None:
    """Read what a write found or replaced; None where that is nothing, or nothing of ours."""
    document = _document(item) if item else None
    return document if isinstance(document, Document) else None
