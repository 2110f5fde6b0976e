"""How many threads the engine gets."""


def usable_cores(affinity_cores: int, cpu_max: str) -> int:
    """Return the cores that this process can keep busy: at least 1.

    `affinity_cores`: CPUs in the affinity mask. `cpu_max`: cgroup v2's file of that name
    (`QUOTA PERIOD` in microseconds, or `max PERIOD`), empty where there is none.
    """
    quota, _, period = cpu_max.strip().partition(" ")
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        return max(1, min(affinity_cores, int(quota) // int(period)))
    return max(1, affinity_cores)


def engine_threads(usable: int) -> int:
    """Return all usable cores but one: with all of them, one busy neighbour stalls every step."""
    return max(1, usable - 1)
