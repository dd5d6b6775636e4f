"""Checks the signatures of requests with botocore's implementation of AWS Signature Version 4.

Reads a list of requests as JSON: `method`, `url`, `headers` (names in lower case), `body` in hex. Writes a line for
each signature that is wrong.
"""

import json
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS_KEY, SECRET_KEY = sys.argv[1:3]


def fault(given):
    """Returns what is wrong with a request's signature, or nothing."""
    headers = given["headers"]
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return "not signed"
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    key, _, region, service, _ = parts["Credential"].split("/")
    signed = parts["SignedHeaders"].split(";")
    if key != ACCESS_KEY or not {"host", "x-amz-date"} <= set(signed):
        return f"signed by {key}, with {signed}"
    request = AWSRequest(
        method=given["method"],
        url=given["url"],
        headers={name: headers[name] for name in signed},
        data=bytes.fromhex(given["body"]),
    )
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, region)
    canonical = auth.canonical_request(request)
    expected = auth.signature(auth.string_to_sign(request, canonical), request)
    return None if expected == parts["Signature"] else f"the signature is wrong of\n{canonical}"


for number, request in enumerate(json.load(sys.stdin)):
    if found := fault(request):
        print(f"{number} {request['method']} {request['url']}: {found}")
