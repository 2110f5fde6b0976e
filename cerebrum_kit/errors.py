"""The root of every package's error tree, and the one JSON shape that errors have on the wire."""

from collections.abc import Mapping
from typing import ClassVar


class CerebrumError(Exception):
    """An error that a caller can act on.

    Subclasses set `code` (stable, kebab-case), `status` (HTTP) and `retryable` (whether the same
    request can succeed later without being changed).
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        self.details = dict(details) if details else None


class InvalidRequestError(CerebrumError):
    """The request can't be understood, whoever asks and whenever."""

    code = "invalid-request"
    status = 400


class UnauthorizedError(CerebrumError):
    """The key is missing or wrong."""

    code = "unauthorized"
    status = 401


class TooLargeError(CerebrumError):
    """The request is larger than the service reads."""

    code = "too-large"
    status = 413
