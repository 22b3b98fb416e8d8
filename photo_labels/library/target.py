"""Which pipeline the tools talk to: AWS, or the local cloud. Never guessed, always said on the first line."""

from __future__ import annotations

import json
import os
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    InvalidRegionError,
    NoCredentialsError,
    ProfileNotFound,
)

from photo_labels.library.outputs import StackOutputs
from photo_labels.library.plain_json import read_plainly
from photo_labels.library.user_errors import CONNECTION_LOST, UserError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    import boto3

_CHECKOUT = Path(__file__).resolve().parents[2]
# Where `make up` leaves what the tools need to know.
LOCAL_STATE = Path(os.environ.get("PHOTOS_LOCAL_STATE") or _CHECKOUT / ".local" / "cloud")
STATE_FILE = "cloud.json"
DEFAULT_STACK = "photo-labels"
_FOREIGN = ("AWS_", "BOTO_")
_LOOK_S = 0.5
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class AwsSettingsError(UserError):
    """AWS cannot be used with the settings that there are."""


@dataclass(frozen=True, slots=True)
class Connection:
    """AWS, or the local cloud: a session, and what it reaches."""

    session: boto3.Session
    endpoint_url: str | None
    # "account 123456789012, eu-west-1" or "local".
    description: str

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    def client(self, service: Any, *, connections: int = 10, config: Config | None = None) -> Any:
        """Return a client of a service; it is typed where it is assigned. `config`: changes to the usual one."""
        usual = Config(max_pool_connections=connections, retries={"mode": "standard", "total_max_attempts": 5})
        if self.is_local:
            # Loopback never goes through the caller's proxy; and ministack names buckets in the path.
            usual = usual.merge(Config(proxies={}, s3={"addressing_style": "path"}))
        own = usual.merge(config) if config else usual
        try:
            client = self.session.client(service, endpoint_url=self.endpoint_url, config=own)
        except BotoCoreError:
            raise
        except ValueError as error:  # an endpoint without https:// in AWS_ENDPOINT_URL, say
            raise UserError(f"Your AWS settings cannot be used ({error}): correct them.") from error
        if service == "dynamodb":
            read_plainly(client)
        return client


@dataclass(frozen=True, slots=True)
class Target(Connection):
    """A pipeline: what reaches it, and what its stack calls its parts."""

    outputs: StackOutputs


def scrub_environment(environment: MutableMapping[str, str]) -> None:
    """Remove the caller's AWS settings and proxies, so that nothing local depends on them, or reaches AWS."""
    for name in list(environment):
        if name.upper().startswith(_FOREIGN) or name.lower() in _PROXIES:
            del environment[name]
    # boto3 reads ~/.aws unless told otherwise: a profile there may name an endpoint or a region.
    environment.update({"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull})
    environment["AWS_EC2_METADATA_DISABLED"] = "true"


def local_session() -> boto3.Session:
    """Return a session of the local cloud's root user; scrub the environment first."""
    import boto3  # noqa: PLC0415 - takes 100 ms, which would slow down `photos --help`

    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


def state_folder() -> Path:
    """Return the folder in which commands keep what they know of the local cloud: its library's, if it has one."""
    try:
        running = json.loads((LOCAL_STATE / STATE_FILE).read_text())
        return Path(str(running["library"])) if running["library"] else LOCAL_STATE
    except (OSError, ValueError, KeyError, TypeError):  # it does not run
        return LOCAL_STATE


def local_target(state: Path = LOCAL_STATE) -> Target:
    """Find the running local cloud. Raises UserError when there is none."""
    scrub_environment(os.environ)
    try:
        running = json.loads((state / STATE_FILE).read_text())
        endpoint_url, stack = str(running["endpoint_url"]), str(running["stack"])
        library = str(running.get("library", ""))
    except FileNotFoundError:
        if not has_checkout():
            raise UserError(
                "The local cloud needs a checkout of the repository: run `make up` and .venv/bin/photos there."
            ) from None
        raise UserError("The local cloud is not running: start it with `make up`.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{state / STATE_FILE} is damaged, which says where the local cloud is: `make down && make up` starts "
            "it anew."
        ) from error
    where = f"local, library {library}" if library else "local"
    up = f"make up LIBRARY={shlex.quote(library)}" if library else "make up"
    return described(Connection(local_session(), endpoint_url, where), stack, up)


def has_checkout() -> bool:
    """Tell whether this is a checkout, where `make up` starts a local cloud, and not installed from a wheel."""
    return (_CHECKOUT / "Makefile").is_file()


def is_local_cloud_up(state: Path = LOCAL_STATE) -> bool:
    """Tell whether a local cloud is running: what a crash leaves behind names one, but that answers nobody."""
    try:
        url = urlsplit(str(json.loads((state / STATE_FILE).read_text())["endpoint_url"]))
        with socket.create_connection((url.hostname or "", url.port or 0), timeout=_LOOK_S):
            return True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def aws_connection(region: str | None, profile: str | None) -> tuple[Connection, str]:
    """Return AWS as the caller's own credentials reach it, and their account. Raises UserError."""
    import boto3  # noqa: PLC0415 - as above

    from photo_labels.library.credentials import CheckedSession  # noqa: PLC0415

    # The other SDKs read AWS_REGION first, and botocore does not at all.
    region = os.environ.get("AWS_REGION") or None if region is None else region
    try:
        session = boto3.Session(botocore_session=CheckedSession(profile=profile), region_name=region)
        if not session.region_name:
            raise AwsSettingsError("No AWS region is set: set AWS_REGION, or pass --region.")
        sts = Connection(session, None, "AWS").client("sts")
        account = sts.get_caller_identity()["Account"]
    except (ConfigParseError, InvalidRegionError, ProfileNotFound) as error:
        raise AwsSettingsError(
            f"Your AWS settings cannot be used ({error}): correct them, or pass --region or --profile."
        ) from error
    except NoCredentialsError as error:
        raise AwsSettingsError("There are no AWS credentials: log in, or pass --profile.") from error
    except CONNECTION_LOST as error:
        raise UserError(f"AWS cannot be reached ({error}): check the network and the region.") from error
    except (BotoCoreError, ClientError) as error:
        raise AwsSettingsError(
            f"AWS does not take your credentials ({error}): log in, or pass --profile."
        ) from error
    return Connection(session, None, f"account {account}, {session.region_name}"), account


def aws_target(stack: str, region: str | None, profile: str | None) -> Target:
    """Find the pipeline's stack on AWS. Raises UserError."""
    connection, _ = aws_connection(region, profile)
    return described(connection, stack)


def described(connection: Connection, stack: str, up: str = "make up") -> Target:
    """Read the outputs of the stack. Raises UserError where it is not there.

    `up`: the command that starts it again, where it is a local cloud's.
    """
    where = connection.description
    try:
        found = connection.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise UserError(f"The stack {stack} cannot be read ({error}).") from error
        raise UserError(
            f"There is no stack {stack!r} in {where}: deploy it, or name yours with --stack."
        ) from error
    except BotoCoreError as error:
        again = f"`make down && {up}` starts it anew"
        advice = again if connection.is_local else "check the network and the region"
        raise UserError(f"{where} does not answer ({error}): {advice}.") from error
    values = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    if not values:
        raise UserError(f"The stack {stack!r} in {where} is {found['StackStatus']}: deploy it again.")
    try:
        outputs = StackOutputs.from_stack(values)
    except KeyError as error:
        raise UserError(
            f"The stack {stack!r} in {where} is not this pipeline's, or of an older version (it has no output "
            f"{error.args[0]}): name yours with --stack, or deploy it again."
        ) from error
    return Target(connection.session, connection.endpoint_url, where, outputs)
