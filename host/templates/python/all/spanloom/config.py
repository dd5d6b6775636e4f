"""A component's config as a dataclass, and its JSON Schema."""

import json
from dataclasses import MISSING, Field, field, fields
from types import UnionType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

Config = TypeVar("Config")

KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


class ConfigError(Exception):
    """A mistake in the config. `path` leads to the value, such as `keys[2]`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def option(default: Any, description: str, **schema: Any) -> Any:
    """Declares a key of the config. `schema` has more keywords of JSON Schema, such as `minimum=0`."""
    metadata = {"schema": {"description": description, **schema}}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: default.copy(), metadata=metadata)
    return field(default=default, metadata=metadata)


class Settings(Generic[Config]):
    """The config as it is now. `kind` is a dataclass; its `__post_init__` may raise `ConfigError`."""

    def __init__(self, kind: type[Config]) -> None:
        self.kind = kind
        self.config: Config | None = None

    def configure(self, text: str) -> None:
        self.config = self.kind(**json.loads(text))

    def schema(self) -> str:
        hints = get_type_hints(self.kind)
        known = fields(self.kind)  # type: ignore[arg-type]
        keys = {key.name: {**of_type(hints[key.name]), **of_field(key)} for key in known}
        required = [key.name for key in known if key.default is MISSING and key.default_factory is MISSING]
        return json.dumps({"type": "object", "additionalProperties": False, "properties": keys, "required": required})


def of_type(hint: Any) -> dict[str, Any]:
    if isinstance(hint, UnionType):
        kinds = [of_type(part) for part in get_args(hint) if part is not type(None)]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if get_origin(hint) is list:
        return {"type": "array", "items": of_type(get_args(hint)[0])}
    return {"type": KINDS[get_origin(hint) or hint]}


def of_field(key: Field[Any]) -> dict[str, Any]:
    default = key.default_factory() if key.default_factory is not MISSING else key.default
    given = {} if default is MISSING or default is None else {"default": default}
    return {**given, **key.metadata.get("schema", {})}
