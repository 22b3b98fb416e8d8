"""Everything that is particular to ministack, the local AWS: how it starts, and where it is not like AWS."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.child import Child
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from photo_labels.library.target import Target

REPOSITORY = Path(__file__).resolve().parent.parent
# Of a virtual environment of its own: ministack pins botocore.
PYTHON = REPOSITORY / ".local" / "ministack" / "bin" / "python"

_READY_S = 30.0


def free_ports(number: int) -> list[int]:
    """Return different free ports of loopback."""
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass(frozen=True, slots=True)
class LibraryFiles:
    """What a library has when ministack starts."""

    photos: Path
    # Files of items, which are put into the tables that the stack makes, and deleted (`local/opening.py`).
    items: Path
    # Any event's is to be greater.
    least_sequencer: int


class Ministack:
    """A running ministack; S3, SQS, DynamoDB, IAM, CloudFormation, SNS, Logs and the SQS-to-Lambda mapping."""

    def __init__(
        self,
        state: Path,
        functions: Mapping[str, str],
        environment: Mapping[str, str],
        kept: LibraryFiles | None = None,
    ) -> None:
        """Start it, its data in `state`, photos that are `kept` elsewhere.

        `functions` gives the URL that a function's invocations go to.
        """
        if not PYTHON.exists():
            raise UserError("The local cloud is not set up: run `make setup`.")
        (port,) = free_ports(1)
        self.endpoint_url = f"http://127.0.0.1:{port}"
        settings = {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",  # these two services would listen on all interfaces
            "SFTP_ENABLED": "0",
            "AUTH": "true",  # IAM is enforced
            "LOG_LEVEL": "WARNING",
            "S3_PERSIST": "1",  # photos on disk, not in memory
            "STATE_DIR": str(state / "state"),
            "S3_DATA_DIR": str(kept.photos if kept else state / "s3"),
            # Read by ministack_server.py; empty: there is no library.
            "PHOTOS_LIBRARY_SEQUENCER": str(kept.least_sequencer) if kept else "",
            "PHOTOS_LIBRARY_ITEMS": str(kept.items) if kept else "",
            "TMPDIR": str(state),
        }
        settings |= {f"MINISTACK_LAMBDA_PROXY_{name}": url for name, url in functions.items()}
        folder = Path(__file__).parent
        command = [PYTHON, folder / "child.py", folder / "ministack_server.py"]
        self.process = Child(command, state / "ministack.log", {**environment, **settings}, speaks=False)

    def wait_until_ready(self) -> None:
        """Raises UserError when it does not answer in time."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        end = time.monotonic() + _READY_S
        while self.process.is_running() and time.monotonic() < end:
            try:
                opener.open(self.endpoint_url + "/_ministack/health", timeout=_READY_S).close()
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
            else:
                return
        raise UserError(f"The local AWS did not start: {self.process.log} says why.")


def messages(endpoint_url: str, queue_url: str) -> list[dict[str, Any]]:
    """Return what lies in a queue, without receiving it: SentTimestamp, VisibleAt, ReceiveCount and the like."""
    url = f"{endpoint_url}/_ministack/sqs/messages?{urllib.parse.urlencode({'QueueUrl': queue_url})}"
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        by_account = json.load(answer)["messages"]
    return [
        message
        for by_region in by_account.values()
        for by_queue in by_region.values()
        for found in by_queue.values()
        for message in found
    ]


def patch_quirks(target: Target) -> None:
    """Correct what ministack gets wrong in a stack that it has just deployed."""
    functions = target.client("lambda")
    queues = []
    for lane in target.outputs.lanes:
        # `MaximumConcurrency: !Ref` arrives as a string in its mappings, and stops every SQS mapping.
        mapping = functions.get_event_source_mapping(UUID=lane.mapping_id)
        most = int(mapping["ScalingConfig"]["MaximumConcurrency"])
        functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": most})
        queues.append(mapping["EventSourceArn"])
    # It asks for permissions that AWS does not have: there sqs:ChangeMessageVisibility and sqs:SendMessage cover
    # batches, and PartiQL has an action for each verb (the template grants dynamodb:PartiQLInsert).
    unknown_to_aws = {
        "sqs:ChangeMessageVisibilityBatch": queues,
        "sqs:SendMessageBatch": queues,
        "dynamodb:BatchExecuteStatement": ["*"],
    }
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": resources}
        for action, resources in unknown_to_aws.items()
    ]
    for function in target.outputs.functions:
        configuration = functions.get_function_configuration(FunctionName=function.name)
        target.client("iam").put_role_policy(
            RoleName=configuration["Role"].rpartition("/")[2],
            PolicyName="ministack",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )
