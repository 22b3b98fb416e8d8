"""Powertools' batch processor, as its documentation has it: record by record, with boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from loadtest.benchmarks.baselines.items import IMAGE_LABELS, LABEL_INDEX, WITH_ROWS, photos_in

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

processor = BatchProcessor(event_type=EventType.SQS)
logger = Logger()

rekognition = boto3.client("rekognition")
dynamodb = boto3.resource("dynamodb")
labels_table = dynamodb.Table(IMAGE_LABELS)
index_table = dynamodb.Table(LABEL_INDEX)


def record_handler(record: SQSRecord) -> None:
    for photo in photos_in(record.body):
        document = photo.document(rekognition.detect_labels(**photo.request))
        if WITH_ROWS:
            for row in document.rows():
                index_table.put_item(Item=row.to_item())
        labels_table.put_item(Item=document.to_item())
        logger.info("labelled", extra={"image": document.image_id})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Label the photos of one SQS batch."""
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
