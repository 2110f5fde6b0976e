"""What can go wrong between a request and its answer; one tree, with the wire's codes."""

from cerebrum_kit.errors import CerebrumError


class OrchestratorError(CerebrumError):
    """The root of this package's errors."""


class LoadShedError(OrchestratorError):
    """The pool, or the node that was asked, has no room for this request now."""

    code = "load-shed"
    status = 503
    retryable = True


class NoNodeError(OrchestratorError):
    """No node can be asked: none is configured, none answers, or none accepts the key."""

    code = "no-node"
    status = 503
    retryable = True


class CircuitOpenError(OrchestratorError):
    """The nodes that could serve have failed too often, and are left alone for a while."""

    code = "circuit-open"
    status = 503
    retryable = True


class NodeUnreachableError(NoNodeError):
    """A connection to the node could not be made."""


class NodeUnauthorizedError(NoNodeError):
    """The node does not accept the key that it is configured with."""


class NodeFailedError(OrchestratorError):
    """A node took the request and then broke off, fell silent or answered nonsense."""

    code = "node-failed"
    status = 502
    retryable = True


class NodeLostError(NodeFailedError):
    """The connection to a node broke: it may have ended, and be back in a moment."""


class UnknownModelError(OrchestratorError):
    """No node has the model that the request names."""

    code = "unknown-model"
    status = 404


class DeadlineError(OrchestratorError):
    """The request's own deadline passed before its answer was complete."""

    code = "deadline"
    status = 504
    retryable = True


class SupersededError(OrchestratorError):
    """A newer request of the same client for the same document took this one's place."""

    code = "superseded"
    status = 409


class ShuttingDownError(OrchestratorError):
    """The orchestrator ended before the answer was complete."""

    code = "no-node"
    status = 503
    retryable = True


class ConfigError(OrchestratorError):
    """The configuration can't be used as it is."""

    code = "bad-configuration"
