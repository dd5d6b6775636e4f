"""Writes the protobuf of OTLP, field by field. The numbers of fields are those of opentelemetry-proto.

A field is bytes, and a message is its fields, one after another.
"""

import struct

VARINT, FIXED64, LENGTH = 0, 1, 2


def message(number: int, *fields: bytes) -> bytes:
    """A field that holds a message."""
    return length_delimited(number, b"".join(fields))


def text(number: int, value: str) -> bytes:
    # Half of a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark.
    return length_delimited(number, value.encode(errors="replace"))


def fixed64(number: int, value: int) -> bytes:
    """A field of 64 bits, such as a time in nanoseconds."""
    return tag(number, FIXED64) + struct.pack("<Q", value)


def attribute(number: int, key: str, value: str | bool | int | float) -> bytes:
    """A `KeyValue`."""
    return message(number, text(1, key), any_value(2, value))


def any_value(number: int, value: str | bool | int | float) -> bytes:
    """An `AnyValue`."""
    match value:
        case str():
            return message(number, text(1, value))
        case bool():
            return message(number, tag(2, VARINT), varint(value))
        case int():
            # The 64 bits of its two's complement.
            return message(number, tag(3, VARINT), varint(value % 2**64))
        case float():
            return message(number, tag(4, FIXED64), struct.pack("<d", value))


def length_delimited(number: int, content: bytes) -> bytes:
    return tag(number, LENGTH) + varint(len(content)) + content


def tag(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
