"""The converting function's entry: photos that Rekognition does not read as they are, one at a time.

    SQS record -> what is known -> GetObject, decoded and scaled -> DetectLabels of the bytes
               -> index rows -> document, on condition: the commit -> batchItemFailures where it must come back

The same pipeline as `handler.app`'s, and the same promises; only recognising is another.
"""

from __future__ import annotations

import os

from handler.conversion import Converter
from handler.labelling import Labeller
from handler.messages import Messages
from handler.objects import Objects
from handler.pipeline import Pipeline
from handler.recognition import Recogniser
from handler.serving import Clients, quota_of, served
from handler.settings import Settings
from handler.storage import Storage

settings = Settings.from_environment(os.environ)
clients = Clients(settings)
pipeline = Pipeline(
    Storage(clients.dynamodb, settings.image_labels_table, settings.label_index_table),
    Labeller(
        settings,
        Converter(
            clients.s3,
            Recogniser(
                clients.rekognition,
                min_confidence=settings.min_confidence,
                max_labels=settings.max_labels,
                quota=quota_of(settings, clients.dynamodb),
            ),
        ),
        Objects(clients.s3),
    ),
    Messages(clients.sqs, settings.queue_url, settings.dead_letter_queue_url),
    concurrency=settings.rekognition_concurrency,
)
handler = served(pipeline)
