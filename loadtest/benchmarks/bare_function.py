"""A bare function: the calls to AWS that the real one makes for new photos, and no decision.

`make bench-limits` compares the real one with it: no deadline, no conditions, no log. Do not deploy it.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from botocore.config import Config
from botocore.session import get_session

from photo_labels.records.attributes import to_attributes
from photo_labels.records.contents import Claim, content_id, content_key
from photo_labels.records.documents import Document, labels_from
from photo_labels.records.timeline import timeline_of

_THREADS = 10
_MAX_WRITE_ITEMS = 25
_CONFIDENCE, _LABELS_AT_MOST = 80, 50
_pool = ThreadPoolExecutor(_THREADS)
_config = Config(max_pool_connections=_THREADS, parameter_validation=False)
_dynamodb: Any = get_session().create_client("dynamodb", config=_config)
_rekognition: Any = get_session().create_client("rekognition", config=_config)
_LABELS, _INDEX = os.environ["IMAGE_LABELS_TABLE"], os.environ["LABEL_INDEX_TABLE"]
_CLAIMS = os.environ["CONTENT_CLAIMS_TABLE"]


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Label a batch."""
    records = [record for one in event["Records"] for record in json.loads(one["body"]).get("Records", ())]
    if not records:
        return {"batchItemFailures": []}
    keys = [{"ImageID": {"S": _image(record)}} for record in records]
    contents = [content_key(one) for one in dict.fromkeys(map(_content, records))]
    _dynamodb.batch_get_item(
        RequestItems={_LABELS: {"Keys": keys, "ConsistentRead": True}, _CLAIMS: {"Keys": contents}}
    )
    documents = list(_pool.map(_labelled, records))
    rows = [{"PutRequest": {"Item": to_attributes(row.to_item())}} for one in documents for row in one.rows()]
    list(_pool.map(_put, [rows[at : at + _MAX_WRITE_ITEMS] for at in range(0, len(rows), _MAX_WRITE_ITEMS)]))
    items = [to_attributes(one.to_item()) for one in documents]
    _dynamodb.batch_execute_statement(Statements=[_insertion(item) for item in items])
    return {"batchItemFailures": []}


def _labelled(record: dict[str, Any]) -> Document:
    bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
    claim = Claim(_content(record), _image(record), record["eventTime"])
    _dynamodb.put_item(TableName=_CLAIMS, Item=claim.to_item())
    answer = _rekognition.detect_labels(
        Image={"S3Object": {"Bucket": bucket, "Name": key}}, MinConfidence=_CONFIDENCE, MaxLabels=_LABELS_AT_MOST
    )
    sequencer, time = record["s3"]["object"]["sequencer"], record["eventTime"]
    labels, timeline = labels_from(answer["Labels"]), timeline_of(None, time)
    return Document(bucket, key, sequencer, "LABELLED", time, labels, event_time=time, timeline=timeline)


def _put(requests: list[Any]) -> None:
    _dynamodb.batch_write_item(RequestItems={_INDEX: requests})


def _insertion(item: dict[str, Any]) -> dict[str, Any]:
    places = ", ".join(f"'{name}': ?" for name in item)
    return {"Statement": f'INSERT INTO "{_LABELS}" VALUE {{{places}}}', "Parameters": list(item.values())}


def _content(record: dict[str, Any]) -> str:
    photo = record["s3"]["object"]
    return content_id(photo["eTag"], photo["size"], Decimal(_CONFIDENCE), _LABELS_AT_MOST, None)


def _image(record: dict[str, Any]) -> str:
    return f"{record['s3']['bucket']['name']}/{unquote_plus(record['s3']['object']['key'])}"
