"""The daemon's error tree."""

from cerebrum_kit.errors import CerebrumError


class DaemonError(CerebrumError):
    """Something that the daemon can't do."""


class PoolUnreachableError(DaemonError):
    """No orchestrator answers."""

    code = "no-pool"
    status = 503
    retryable = True


class PoolStartError(DaemonError):
    """The local orchestrator can't be started."""

    code = "pool-start-failed"
    status = 503
    retryable = True


class PoolRefusalError(DaemonError):
    """The orchestrator answered with an error; `reason` is its code."""

    code = "pool-refused"

    def __init__(self, reason: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.reason = reason


class SettingsError(DaemonError):
    """A setting has a value that can't be used."""

    code = "invalid-settings"
