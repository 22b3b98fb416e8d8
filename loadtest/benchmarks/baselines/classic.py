"""The design of most samples: plain boto3, one photo after another, one PutItem each."""

from __future__ import annotations

import logging
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from loadtest.benchmarks.baselines.items import IMAGE_LABELS, LABEL_INDEX, WITH_ROWS, Photo, photos_in

logger = logging.getLogger()
logger.setLevel(logging.INFO)

rekognition = boto3.client("rekognition")
dynamodb = boto3.resource("dynamodb")
labels_table = dynamodb.Table(IMAGE_LABELS)
index_table = dynamodb.Table(LABEL_INDEX)


def handler(event: dict[str, Any], _: object) -> dict[str, list[dict[str, str]]]:
    """Label the photos of one SQS batch."""
    failures = []
    for record in event["Records"]:
        try:
            for photo in photos_in(record["body"]):
                label(photo)
        except (BotoCoreError, ClientError, KeyError, ValueError):
            logger.exception("failed: %s", record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def label(photo: Photo) -> None:
    document = photo.document(rekognition.detect_labels(**photo.request))
    if WITH_ROWS:
        for row in document.rows():
            index_table.put_item(Item=row.to_item())
    labels_table.put_item(Item=document.to_item())
    logger.info("labelled %s", document.image_id)
