"""What goes wrong for a person at the command line."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    LoginError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError


class UserError(Exception):
    """Says in one sentence what is wrong and what to do about it; shown without a traceback, exit code 2."""


class NotAllDoneError(UserError):
    """The same command goes on later; exit code 3."""


# What a command line turns into a sentence; but for OSError, anything else is a bug of ours.
USER_FACING_ERRORS = (UserError, BotoCoreError, ClientError)
# Nobody answered: the same may work later.
CONNECTION_LOST = (HTTPClientError, NoConnectionError)

_NO_CREDENTIALS = (
    CredentialRetrievalError,
    LoginError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
# Codes of S3 and of the other services for credentials that have expired, or were taken away.
_REFUSED_CREDENTIALS = frozenset(
    (
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    )
)


def are_credentials_over(error: BaseException) -> bool:
    """Tell whether the user has to log in again before AWS answers."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in _REFUSED_CREDENTIALS
    return isinstance(error, _NO_CREDENTIALS)


def user_message(error: Exception) -> str:
    """Return what one of USER_FACING_ERRORS, or an OSError, means, as a sentence for the user."""
    if are_credentials_over(error):
        return f"Your AWS credentials are not valid any more ({_said(error)}): log in and run it again."
    if isinstance(error, CONNECTION_LOST):
        return f"No connection ({error}): check the network; the local cloud is started with `make up`."
    if isinstance(error, ClientError):
        return f"AWS refuses {error.operation_name}: {error.response['Error'].get('Message', error)}"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}."
    return f"AWS cannot be reached: {error}" if isinstance(error, BotoCoreError) else str(error)


def _said(error: Exception) -> str:
    said = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else ""
    return (said or str(error)).strip().rstrip(".")
