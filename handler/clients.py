"""The function's clients of AWS: made once, at import, and shared by all threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import get_session

from handler import timeouts

if TYPE_CHECKING:
    from handler.settings import Settings
    from handler.timeouts import CallTimeouts


class Clients:
    """One client for each service."""

    def __init__(self, settings: Settings) -> None:
        # Not boto3's, with which comes s3transfer: a tenth of the cold start
        # (`python -X importtime -c "import boto3"`).
        self._session = get_session()
        self._connections = settings.rekognition_concurrency
        self.dynamodb = self._client("dynamodb", timeouts.DYNAMODB)
        self.rekognition = self._client("rekognition", timeouts.REKOGNITION)
        self.s3 = self._client("s3", timeouts.S3)
        self.sqs = self._client("sqs", timeouts.SQS)

    def make_lambda(self) -> Any:
        """Return a client of Lambda, which few invocations need."""
        return self._client("lambda", timeouts.LAMBDA)

    def _client(self, service: str, limits: CallTimeouts) -> Any:
        """Return a client that makes one attempt a call: `handler.deadline` alone tries again."""
        config = Config(
            connect_timeout=limits.connect_s,
            read_timeout=limits.read_s,
            retries={"total_max_attempts": 1},
            max_pool_connections=self._connections,
            tcp_keepalive=True,
            # Takes time in every call, and every parameter is ours: the tests check them all.
            parameter_validation=False,
            # A twentieth of the CPU of a photo (py-spy): botocore puts its own together anew, twice for each call.
            user_agent="photo-labels",
        )
        return self._session.create_client(service, config=config)
