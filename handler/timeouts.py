"""How long calls to AWS may take: one table for the clients, and for those who plan the time that is left."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallTimeouts:
    """Timeouts of one service's client, which makes one attempt a call (`handler.deadline` alone tries again)."""

    connect_s: float
    read_s: float
    # The number of requests that botocore may make for one call.
    requests: int = 1

    @property
    def call_s(self) -> float:
        """The longest that one call can take."""
        return self.requests * (self.connect_s + self.read_s)


# Ten times DynamoDB's usual p99.9, so that a lost call costs little.
DYNAMODB = CallTimeouts(connect_s=0.5, read_s=1.0)
REKOGNITION = CallTimeouts(connect_s=1.0, read_s=5.0)
# Where HeadObject answers 400 or 301, botocore asks HeadBucket for the region, and then HeadObject again.
S3 = CallTimeouts(connect_s=0.5, read_s=1.5, requests=3)
SQS = CallTimeouts(connect_s=0.5, read_s=1.5)
LAMBDA = CallTimeouts(connect_s=0.5, read_s=3.5)
