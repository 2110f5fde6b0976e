"""Make the project's virtual environment, with the versions of constraints.txt, and check it.

Needs only the standard library. On Debian and Ubuntu, `python3-venv` and `libgomp1` may be
missing: as root they are installed, otherwise the command that installs them is printed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINIMUM = (3, 11)


def main() -> None:
    """Create or complete the environment in the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the environment stands, e.g. .venv")
    folder = parser.parse_args().folder
    if sys.version_info < MINIMUM:
        sys.exit(
            f"Cerebrum needs Python {MINIMUM[0]}.{MINIMUM[1]} or later; this is "
            f"{sys.version.split()[0]}. Name another one: make PYTHON=python3.12 …"
        )
    create(folder)
    install(folder)
    check_engine(folder)


def create(folder: Path) -> None:
    """Make an environment with pip in it, if there is none."""
    if (folder / "bin" / "pip").exists():
        return
    print(f"creating {folder} …", flush=True)
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian leaves it out of python3
    except ImportError:
        need_packages(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)


def install(folder: Path) -> None:
    """Install the project, editable, with what its development needs."""
    print("installing pinned dependencies …", flush=True)
    command = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    command += ["--constraint", "constraints.txt", "--editable", ".[dev]"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit("the installation failed; what pip said stands above")


def check_engine(folder: Path) -> None:
    """See that the engine's library can be loaded: it needs GNU OpenMP."""
    command = [str(folder / "bin" / "python"), "-c", "import xllamacpp"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode and "libgomp" in tried.stderr:
        need_packages("libgomp1")
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        sys.exit(f"the engine can't be loaded:\n{tried.stderr.strip()}")


def need_packages(*names: str) -> None:
    """Install Debian packages, or say how."""
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        packages = " ".join(names)
        sys.exit(f"missing from this system: {packages}. Run: sudo apt-get install {packages}")
    print(f"installing {', '.join(names)} …", flush=True)
    subprocess.run([apt, "update", "--quiet"], check=False, stdout=subprocess.DEVNULL)
    install_them = [apt, "install", "--yes", "--quiet", *names]
    subprocess.run(install_them, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
