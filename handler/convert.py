"""The converting function's entry: photos that Rekognition does not read as they are, one at a time.

    SQS record -> what is known -> GetObject, decoded and scaled -> DetectLabels of the bytes
               -> index rows -> document, on condition: the commit -> batchItemFailures where it must come back

The same pipeline as `handler.app`'s, and the same promises; only the detector differs.
"""

from __future__ import annotations

import os

from handler.clients import Clients
from handler.conversion import Converter
from handler.lanes import converting_lanes
from handler.serving import build_handler, recogniser
from handler.settings import Settings

settings = Settings.from_environment(os.environ)
clients = Clients(settings)
converter = Converter(clients.s3, recogniser(settings, clients))
handler = build_handler(settings, clients, converter, converting_lanes(settings))
