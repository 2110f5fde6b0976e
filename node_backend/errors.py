"""What can go wrong on the node, with the code and status that a caller sees."""

from cerebrum_kit.errors import CerebrumError, InvalidRequestError


class UnknownModelError(CerebrumError):
    """The request names a model that this node doesn't have."""

    code = "unknown-model"
    status = 404


class IncompleteModelError(UnknownModelError):
    """The node knows the model by name, but a part of it is missing."""

    code = "model-incomplete"


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


class NotIdleError(RefusedError):
    """There is no idle time to read a prompt ahead in."""

    code = "not-idle"


class PinnedError(RefusedError):
    """Other models are kept in memory for good, and there is no room beside them."""

    code = "pinned"


class MemoryLowError(RefusedError):
    """Taking the request would leave the machine too little memory."""

    code = "memory-low"


class VramLowError(RefusedError):
    """Others leave the model too little of the graphics cards' memory."""

    code = "vram-low"


class CpuBusyError(RefusedError):
    """Others need the machine's cores."""

    code = "cpu-busy"


class NotMeasuredError(CerebrumError):
    """The model that tuning is for could not be run."""

    code = "not-measured"


class FilesInTheWayError(CerebrumError):
    """What tuning found can't be written where it was told to."""

    code = "files-in-the-way"
