"""How many threads the engine gets."""

from node_backend.core.machine import cpu_limit_cores


def usable_cores(affinity_cores: int, cpu_max: str) -> int:
    """Return the cores that this process can keep busy: at least 1.

    `affinity_cores`: CPUs in the affinity mask. `cpu_max`: cgroup v2's file of that name, empty
    where there is none.
    """
    limit = cpu_limit_cores(cpu_max)
    return max(1, affinity_cores if limit is None else min(affinity_cores, int(limit)))


def engine_threads(usable: int) -> int:
    """Return the usable cores but a sixth, and at least one, that is left to others.

    With all of them, one busy neighbour stalls every step.
    """
    return max(1, usable - max(1, usable // 6))
