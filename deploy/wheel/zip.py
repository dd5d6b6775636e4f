"""zip.py FOLDER WHEEL: writes RECORD into the wheel's folder, and makes the archive. The same input gives the same bytes."""

import base64
import hashlib
import os
import sys
import time
import zipfile
from pathlib import Path

folder, wheel = Path(sys.argv[1]), sys.argv[2]
quick = os.environ.get("SPANLOOM_COMPRESSION") == "quick"
# The format knows no time before 1980.
date = time.gmtime(max(int(os.environ["SOURCE_DATE_EPOCH"]), 315532800))[:6]


def line(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"


files = sorted(path for path in folder.rglob("*") if path.is_file())
# The description of a wheel stands at the end of its archive.
files.sort(key=lambda path: path.relative_to(folder).parts[0].endswith(".dist-info"))
contents = [(str(path.relative_to(folder)), path.stat().st_mode, path.read_bytes()) for path in files]
record = next(folder.glob("*.dist-info")).name + "/RECORD"
lines = [line(path, content) for path, _, content in contents]
contents.append((record, 0o100644, "".join([*lines, f"{record},,\n"]).encode()))
with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED if quick else zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path, mode, content in contents:
        entry = zipfile.ZipInfo(path, date)
        entry.create_system, entry.external_attr, entry.compress_type = 3, mode << 16, archive.compression
        archive.writestr(entry, content)
