"""A KMS key of the user's: whether the pipeline can be encrypted with it, checked before anything is changed."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from photo_labels.library.user_errors import UserError

_SEE = "docs/deploying.md has the statements."


def check_key(client: Any, arn: str, region: str, *, by_event_bridge: bool = False) -> str | None:
    """Return a sentence about what could not be checked. Raises UserError where the key does not do.

    `by_event_bridge`: EventBridge sends to the queues, too.
    A topic whose key CloudWatch may not use loses alarms without a word, so the key's policy is read, too.
    """
    if arn.split(":")[3:4] != [region]:
        raise UserError(f"KmsKeyArn has to name a key in {region}, and is {arn}.")
    try:
        found = client.describe_key(KeyId=arn)["KeyMetadata"]
        policy = client.get_key_policy(KeyId=arn)["Policy"]
    except client.exceptions.NotFoundException as error:
        raise UserError(f"There is no key {arn}.") from error
    except ClientError as error:
        said = error.response["Error"].get("Message") or error.response["Error"]["Code"]
        return f"Whether the key can be used is not known ({said}). It has to be enabled, and its policy: {_SEE}"
    if found["KeyState"] != "Enabled" or found.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise UserError(
            f"The key {arn} is {found['KeyState']}, {found.get('KeySpec')}: it has to be Enabled and symmetric."
        )
    needed = _services(region) | ({"events.amazonaws.com"} if by_event_bridge else set())
    if missing := needed - _services_in(policy):
        raise UserError(f"The policy of the key {arn} does not let {', '.join(sorted(missing))} use it: {_SEE}")
    return None


def _services(region: str) -> set[str]:
    """Return who sends to the pipeline, or keeps its logs, with rights of its own."""
    return {"cloudwatch.amazonaws.com", "s3.amazonaws.com", f"logs.{region}.amazonaws.com"}


def _services_in(policy: str) -> set[str]:
    """Return the services that are allowed something; on which conditions is not looked at."""
    services: set[str] = set()
    statements = json.loads(policy)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        if statement["Effect"] == "Allow" and isinstance(principal, dict):
            named = principal.get("Service", [])
            services |= {named} if isinstance(named, str) else set(named)
    return services
