"""Reads scrapes, a JSON document a line, with the parsers of prometheus_client; says what it could not read."""

import json
import sys

from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client import parser as text_parser

PARSERS = {
    "text": text_parser.text_string_to_metric_families,
    "openmetrics": openmetrics_parser.text_string_to_metric_families,
}

parsed = 0
wrong = 0
for line in sys.stdin:
    scrape = json.loads(line)
    try:
        names = [family.name for family in PARSERS[scrape["format"]](scrape["body"])]
        parsed += 1
    except Exception as error:
        wrong += 1
        if wrong <= 3:
            print(f"case {scrape['case']}, {scrape['format']}: {error!r}\n{scrape['body']}")
if wrong:
    sys.exit(f"{wrong} scrapes are no {'/'.join(PARSERS)}")
print(f"parsed {parsed}")
