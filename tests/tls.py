"""Certificates for tests, made by openssl."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cerebrum_kit.serving import Tls

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")


def self_signed(folder: Path, whose: str = "IP:127.0.0.1") -> Tls:
    """Write a certificate for `whose` that nobody else vouches for, and its key."""
    files = Tls(folder / "cert.pem", folder / "key.pem")
    assert OPENSSL is not None
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", f"subjectAltName={whose}"]
    where = ["-keyout", str(files.key), "-out", str(files.certificate)]
    subprocess.run([OPENSSL, "req", *kind, *names, *where], check=True, capture_output=True)
    return files
