"""Other machines, as their /proc and /sys show them."""

from pathlib import Path

XEON_FLAGS = "fpu vme sse4_2 avx f16c rdrand avx2 fma bmi2"
PI_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid asimdrdm asimddp"


def write(root: Path, **files: str) -> None:
    """Write files by their paths; `__` stands for a slash, and a single `_` for itself."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def write_topology(root: Path, *siblings: str) -> None:
    """Write for each thread which ones share its core."""
    for number, shared in enumerate(siblings):
        folder = root / f"sys/devices/system/cpu/cpu{number}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{shared}\n")


def xeon(root: Path, *, memory_kb: int = 32_795_664) -> Path:
    """An Intel Xeon E5-2670 v3 with 12 cores, 24 threads and 32 GB, as in the seeds."""
    processors = [
        f"processor\t: {number}\nmodel name\t: Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz\n"
        f"physical id\t: 0\ncore id\t\t: {number % 12}\nflags\t\t: {XEON_FLAGS}\n"
        for number in range(24)
    ]
    write(
        root,
        proc__cpuinfo="\n".join(processors),
        proc__meminfo=f"MemTotal:       {memory_kb} kB\nMemAvailable:   30000000 kB\n",
        proc__self__status="Name:\tpython\nCpus_allowed_list:\t0-23\n",
        proc__self__cgroup="0::/system.slice/own.service\n",
        sys__devices__system__cpu__online="0-23\n",
        sys__devices__system__node__online="0\n",
    )
    write_topology(root, *(f"{number % 12},{number % 12 + 12}" for number in range(24)))
    return root


def pi(root: Path) -> Path:
    """A Raspberry Pi Compute Module 4 with 4 GB."""
    processors = [f"processor\t: {number}\nFeatures\t: {PI_FEATURES}\n" for number in range(4)]
    write(
        root,
        proc__cpuinfo="\n".join(
            [*processors, "Model\t\t: Raspberry Pi Compute Module 4 Rev 1.0\n"]
        ),
        proc__meminfo="MemTotal:        3884348 kB\nMemAvailable:    3000000 kB\n",
        proc__self__status="Cpus_allowed_list:\t0-3\n",
        sys__devices__system__cpu__online="0-3\n",
    )
    write_topology(root, "0", "1", "2", "3")
    return root


def limited(root: Path) -> Path:
    """The Xeon, seen from a group that may use 8 of its cores, in a slice that has 6 GiB."""
    xeon(root)
    group = root / "sys/fs/cgroup/system.slice/own.service"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("800000 100000\n")
    (group / "memory.max").write_text("max\n")
    (group.parent / "cpu.max").write_text("max 100000\n")
    (group.parent / "memory.max").write_text(f"{6 << 30}\n")
    return root
