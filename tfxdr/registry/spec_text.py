"""The text form of a component: `name` or `name(option=value, ...)`.

Pure functions over text, values and annotations; standard library only.
"""

from __future__ import annotations

import ast
import collections.abc
import keyword
import re
import types
import typing

from tfxdr.errors import InputError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_CALL = re.compile(rf"\s*({NAME.pattern})\s*(?:\((.*)\))?\s*", re.DOTALL)
_CONSTANTS = {"true": True, "false": False, "none": None}
_SCALARS = (bool, int, float, str)
_SEQUENCES = (list, tuple, collections.abc.Sequence)
_MAPPINGS = (dict, collections.abc.Mapping)
_CLOSING = {")": "(", "]": "[", "}": "{"}
# Quoted texts, or what stands between the signs of the syntax. What is called
# or set, as `name(` and `name=`, is no value.
_TOKEN = re.compile(
    r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|([^\s,=()\[\]{}'"]+)(?!\s*[=(]|[^\s,=()\[\]{}'"])""",
    re.DOTALL,
)
# Numbers and what is calculated from them are none: a letter or a slash.
_PATH = re.compile(r"(?=.*[^\W\d_]|.*[/~]|\.\.?$)[\w./~\\:@%+*?#-]+")


def split_specs(text: str) -> tuple[str, ...]:
    """Splits on the commas that stand outside brackets and quotes.

    `"zero,gumbel(temperature=5)"` gives `("zero", "gumbel(temperature=5)")`.

    Raises:
      InputError: Brackets do not match or a part is empty.
    """
    parts, start, opened, quote, escaped = [], 0, [], "", False
    for position, char in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            escaped = char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            opened.append(char)
        elif char in ")]}":
            if not opened or opened.pop() != _CLOSING[char]:
                raise InputError(f"unmatched {char!r} in {text!r}")
        elif char == "," and not opened:
            parts.append(text[start:position].strip())
            start = position + 1
    if opened or quote:
        raise InputError(f"unclosed {(quote or opened[-1])!r} in {text!r}")
    parts.append(text[start:].strip())
    if not all(parts):
        raise InputError(f"expected names separated by commas, found {text!r}")
    return tuple(parts)


def parse_call(text: str) -> tuple[str, dict[str, object]]:
    """Reads `name(option=value, ...)` into the name and the options.

    Values are Python literals. The bare words true, false and none (any case)
    are constants; any other bare word, a path such as `~/a-1/b.csv.gz`, or a
    nested `name(...)`, is a string.

    Raises:
      InputError: The text is no name with options; says where and why.
    """
    match = _CALL.fullmatch(text)
    if not match:
        raise InputError(
            f"expected name or name(option=value, ...), found {text!r}"
        )
    name, arguments = match.groups()
    source = f"f({_quote_paths(arguments or '')})"
    try:
        call = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(
            f"cannot read the options of {text!r}: expected option=value, "
            "with other text than a word or a path in quotes, as in "
            'folder="/a/b c"'
        ) from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise InputError(f"expected one name with options, found {text!r}")
    if call.args or any(word.arg is None for word in call.keywords):
        raise InputError(f"every option of {text!r} needs a name: option=value")
    options: dict[str, object] = {}
    for word in call.keywords:
        if word.arg in options:
            raise InputError(f"option {word.arg} stands twice in {text!r}")
        options[str(word.arg)] = _value(word.value, source, text)
    return name, options


def _quote_paths(arguments: str) -> str:
    """The options with quotes around what a shell takes for one word."""

    def quoted(match: re.Match) -> str:
        text, word = match.groups()
        is_path = not (text or word.isidentifier()) and _PATH.fullmatch(word)
        return repr(word) if is_path and not _is_number(word) else match[0]

    return _TOKEN.sub(quoted, arguments)


def _is_number(word: str) -> bool:
    try:
        ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return False
    return True


def _value(node: ast.expr, source: str, text: str) -> object:
    if isinstance(node, ast.List):
        return [_value(item, source, text) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item, source, text) for item in node.elts)
    if isinstance(node, ast.Name) and node.id.lower() in _CONSTANTS:
        return _CONSTANTS[node.id.lower()]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError):
        pass  # No literal: a bare word such as leave-one-out, or an error.
    segment = ast.get_source_segment(source, node) or ""
    word = segment.partition("(")[0].strip()
    if _CALL.fullmatch(segment) or word.isidentifier():
        return segment.strip()
    raise InputError(
        f"cannot read the value {segment!r} in {text!r}: expected a number, "
        "true, false, none, a word, a quoted string or a list"
    )


def render_call(name: str, options: typing.Mapping[str, object]) -> str:
    """The canonical text that `parse_call` reads back to the same values."""
    if not options:
        return name
    words = (f"{key}={_render(options[key])}" for key in sorted(options))
    return f"{name}({','.join(words)})"


def _render(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_render(item) for item in value) + "]"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, str) and value.isidentifier() and value.isascii():
        special = value.lower() in _CONSTANTS or keyword.iskeyword(value)
        return repr(value) if special else value
    return repr(value)


def convert(value: object, annotation: object) -> object:
    """Checks a parsed value against an annotation.

    An int is taken for a float; a list or tuple for a sequence, which becomes
    a list where the annotation says `list` and a tuple otherwise.

    Raises:
      TypeError: The value is of another type.
    """
    if annotation in (typing.Any, object):
        return value
    origin = typing.get_origin(annotation) or annotation
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, arguments)
    if origin is typing.Literal:
        # 1 == True in Python: the type has to agree as well.
        if any(value == a and type(value) is type(a) for a in arguments):
            return value
    elif origin is float and type(value) is int:
        return float(value)
    elif origin in _SCALARS or origin is type(None):
        if type(value) is origin:
            return value
    elif origin is None and value is None:
        return value
    elif origin in _SEQUENCES and isinstance(value, (list, tuple)):
        return _convert_sequence(value, origin, arguments)
    elif origin in _MAPPINGS and isinstance(value, dict):
        return value
    raise TypeError(f"expected {describe(annotation)}")


def _convert_union(value: object, members: tuple) -> object:
    # An exact fit first, so that 3 stays an int under int | float.
    for member in sorted(members, key=lambda m: m is not type(value)):
        try:
            return convert(value, member)
        except TypeError:
            continue
    raise TypeError(f"expected {' or '.join(map(describe, members))}")


def _convert_sequence(value, origin: object, arguments: tuple) -> object:
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            raise TypeError(f"expected {len(arguments)} values")
        return tuple(map(convert, value, arguments))
    member = arguments[0] if arguments else typing.Any
    items = [convert(item, member) for item in value]
    return items if origin is list else tuple(items)


def is_textual(annotation: object) -> bool:
    """Whether a value of this annotation can be written as text."""
    origin = typing.get_origin(annotation) or annotation
    if origin in (typing.Union, types.UnionType):
        return any(
            is_textual(member)
            for member in typing.get_args(annotation)
            if member is not type(None)
        )
    known = (*_SCALARS, *_SEQUENCES, *_MAPPINGS, typing.Any, typing.Literal)
    return origin in known


def describe(annotation: object) -> str:
    """An annotation in words: `int`, `list of float`, `a|b`."""
    origin = typing.get_origin(annotation) or annotation
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(describe, arguments))
    if origin is typing.Literal:
        return "|".join(map(str, arguments))
    if origin in _SEQUENCES:
        return f"list of {describe(arguments[0])}" if arguments else "list"
    if origin in (None, type(None)):
        return "none"
    if origin in (typing.Any, object):
        return "any value"
    return getattr(origin, "__name__", str(origin))
