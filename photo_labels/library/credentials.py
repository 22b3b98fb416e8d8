"""The user's own AWS session; whatever is wrong with its credentials is one of botocore's errors.

A `credential_process` is a program of the user's: where it is missing, or prints nonsense, botocore lets through
what Python raises, at the start as well as an hour later, when the credentials are to be renewed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import CredentialRetrievalError
from botocore.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.credentials import Credentials


class CheckedSession(Session):
    """A session whose credentials raise nothing but botocore's errors."""

    def get_credentials(self) -> Any:
        """Return the credentials, or None where there are none."""
        own = _checked(super().get_credentials)
        return own and _CheckedCredentials(own)


class _CheckedCredentials:
    """In the place of botocore's own; each request asks for them, and they are renewed when they end."""

    def __init__(self, own: Credentials) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def get_frozen_credentials(self) -> Any:
        return _checked(self._own.get_frozen_credentials)


def _checked(get: Callable[[], Any]) -> Any:
    try:
        return get()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CredentialRetrievalError(provider="custom-process", error_msg=str(error)) from error
