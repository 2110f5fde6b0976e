"""What can go wrong on the node, with the code and status that a caller sees."""

from cerebrum_kit.errors import CerebrumError, InvalidRequestError


class UnknownModelError(CerebrumError):
    """The request names a model that this node doesn't have."""

    code = "unknown-model"
    status = 404


class EmptyPromptError(InvalidRequestError):
    """There is nothing to continue, and the model has no token to begin with."""


class PromptTooLongError(CerebrumError):
    """The part of the prompt that may not be cut is longer than the model's context."""

    code = "too-large"
    status = 413


class EngineFailedError(CerebrumError):
    """The engine ended, hung or answered nonsense while it worked on this request."""

    code = "engine-failed"
    status = 502
    retryable = True


class ModelFailedError(EngineFailedError):
    """The engine can't be started with this model: the file is missing, corrupt or too large."""

    code = "model-failed"


class RefusedError(CerebrumError):
    """The node could serve this request, but not now."""

    status = 503
    retryable = True


class BusyError(RefusedError):
    """All slots work and the queue is full."""

    code = "busy"


class MemoryLowError(RefusedError):
    """Taking the request would leave the machine too little memory."""

    code = "memory-low"
