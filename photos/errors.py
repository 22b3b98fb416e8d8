"""What goes wrong for a person at the command line."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError


class UserError(Exception):
    """Says in one sentence what is wrong and what to do about it; shown without a traceback, exit code 2."""


TOLD = (UserError, BotoCoreError, ClientError)
"""What a command line turns into a sentence; anything else is a bug of ours."""


def sentence(error: Exception) -> str:
    """Say what one of TOLD means for a person."""
    if isinstance(error, HTTPClientError):
        return f"No connection ({error}): check the network; the local cloud is started with `make up`."
    if isinstance(error, ClientError):
        return f"AWS refuses {error.operation_name}: {error.response['Error'].get('Message', error)}"
    return f"AWS cannot be reached: {error}" if isinstance(error, BotoCoreError) else str(error)
