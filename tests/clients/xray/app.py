"""An application traced by the AWS X-Ray SDK: app.py [SEGMENTS], to the daemon at $AWS_XRAY_DAEMON_ADDRESS.

Without an argument it sends one request's segment with subsegments, an annotation, metadata and a failure. With a number it sends
that many segments as fast as it can. It prints the id of each trace.
"""

import sys

from aws_xray_sdk.core import xray_recorder

# All segments are sent. Subsegments stay in their segment until there are more than 100 of them.
xray_recorder.configure(service="shop", sampling=False)


def request():
    segment = xray_recorder.begin_segment("shop")
    segment.put_http_meta("method", "POST")
    segment.put_http_meta("url", "http://shop.example/orders")
    segment.put_http_meta("client_ip", "203.0.113.7")
    segment.put_http_meta("status", 500)
    segment.set_user("u-7")
    segment.put_annotation("tier", "gold")
    segment.put_annotation("items", 3)
    segment.put_metadata("cart", {"books": [1, 2, {"title": None}]}, "shop")
    with xray_recorder.in_subsegment("dynamodb", namespace="aws") as subsegment:
        subsegment.set_aws({"operation": "GetItem", "region": "eu-west-1", "table_name": "carts"})
    try:
        with xray_recorder.in_subsegment("pay"):
            raise ValueError("no card")
    except ValueError:
        pass
    print(segment.trace_id)
    xray_recorder.end_segment()


def burst(count):
    for number in range(count):
        segment = xray_recorder.begin_segment("burst")
        segment.put_annotation("number", number)
        print(segment.trace_id)
        xray_recorder.end_segment()


if len(sys.argv) > 1:
    burst(int(sys.argv[1]))
else:
    request()
