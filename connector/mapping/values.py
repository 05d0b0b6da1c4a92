"""What an expression's operators do with values: null-safe, decimal, strict about kinds, bounded in size.

Absent is null. Every comparison with null is false, `in` and arithmetic with null are null. Other mixed kinds
raise Wrong, which the compiled mapping turns into a MappingFault with the place of the expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from connector.model import File, Ref

LARGEST_TEXT = 1_000_000
"""Characters that one value may have."""
MOST_STEPS = 100_000
"""Elements that the loops of one record may visit in all."""

_CONTEXT = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_KINDS: dict[type, str] = {
    str: "text",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
    Ref: "a reference",
    File: "a file",
}

_EXACT = 2**53
"""Beyond it a float no longer holds every whole number."""


class Wrong(ValueError):
    """An expression cannot be worked out for this record. `kinds`: what its operands are, if they do not fit."""

    def __init__(self, message: str, *, kinds: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__(message)
        self.kinds, self.remedy = kinds, remedy


def kind(value: Any) -> str:
    """A value's kind in words, without the value: reasons are logged, customers' data is not."""
    return _KINDS.get(type(value), type(value).__name__)


def get(value: Any, name: str) -> Any:
    """`value.name`: a key of an object, never an attribute; null where it is absent."""
    if value is None:
        return None
    if type(value) is dict:
        return value.get(name)
    raise Wrong(f"has no field '{name}'", kinds=(kind(value),))


def index(value: Any, at: Any) -> Any:
    """`value[at]`: a key of an object or a place in a list; null where there is none."""
    if value.__class__ is list and at.__class__ is int:  # the usual case
        return value[at] if -len(value) <= at < len(value) else None
    if value is None or at is None:
        return None
    if type(value) is dict and type(at) is str:
        return value.get(at)
    if type(value) is list:
        if type(at) is Decimal and at == at.to_integral_value() and abs(at) < MOST_STEPS:
            at = int(at)
        if type(at) is int:
            return value[at] if -len(value) <= at < len(value) else None
    raise Wrong("cannot be indexed so", kinds=(kind(value), kind(at)))


def decimal(value: Any) -> Decimal:
    """A decoded number as the exact decimal that was written; Wrong for anything else."""
    of = type(value)
    if of is Decimal:
        number: Decimal = value
    elif of is float:
        number = Decimal(repr(value))
    elif of is int:
        return Decimal(value)
    else:
        raise Wrong("not a number", kinds=(kind(value),))
    if not number.is_finite():
        raise Wrong("not a finite number")
    return number


def is_number(value: Any) -> bool:
    """True and false are no numbers."""
    return type(value) in (int, float, Decimal)


def same(a: Any, b: Any) -> bool:
    """Equality of two values that are not null; values of different kinds are not equal."""
    if type(a) is type(b):
        return bool(a == b)
    if is_number(a) and is_number(b):
        return decimal(a) == decimal(b)
    return False


def eq(a: Any, b: Any) -> bool:
    """`a == b`"""
    if a is None or b is None:
        return False
    if type(a) is type(b):
        return bool(a == b)
    if is_number(a) and is_number(b):
        return decimal(a) == decimal(b)
    raise Wrong("cannot be compared", kinds=(kind(a), kind(b)))


def ne(a: Any, b: Any) -> bool:
    """`a != b`: false with null, as every comparison."""
    return a is not None and b is not None and not eq(a, b)


def _ordered(a: Any, b: Any) -> tuple[Any, Any]:
    of = type(a)
    if of is type(b):
        if of is str or is_number(a):
            return a, b
    elif is_number(a) and is_number(b):
        # Python compares a float with a whole number exactly, and between whole numbers that floats can hold there is no
        # decimal that would compare otherwise: spare the two decimals
        plain = of is not Decimal and type(b) is not Decimal and -_EXACT < a < _EXACT and -_EXACT < b < _EXACT
        return (a, b) if plain else (decimal(a), decimal(b))
    raise Wrong("cannot be compared", kinds=(kind(a), kind(b)))


def lt(a: Any, b: Any) -> bool:
    """`a < b`"""
    if a is None or b is None:
        return False
    a, b = _ordered(a, b)
    return bool(a < b)


def le(a: Any, b: Any) -> bool:
    """`a <= b`"""
    if a is None or b is None:
        return False
    a, b = _ordered(a, b)
    return bool(a <= b)


def gt(a: Any, b: Any) -> bool:
    """`a > b`"""
    if a is None or b is None:
        return False
    a, b = _ordered(a, b)
    return bool(a > b)


def ge(a: Any, b: Any) -> bool:
    """`a >= b`"""
    if a is None or b is None:
        return False
    a, b = _ordered(a, b)
    return bool(a >= b)


def contains(a: Any, b: Any) -> bool | None:
    """`a in b`: part of a text, element of a list, key of an object; null with null."""
    if a is None or b is None:
        return None
    of = type(b)
    if of is list:
        return a in b if type(a) is str else any(same(a, each) for each in b)
    if type(a) is str and of in (str, dict):
        return a in b
    raise Wrong("cannot be looked up so", kinds=(kind(a), kind(b)))


def lacks(a: Any, b: Any) -> bool:
    """`a not in b`: a comparison, so false with null."""
    return contains(a, b) is False


def _arithmetic(work: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Decimal | None]:
    def operate(a: Any, b: Any) -> Decimal | None:
        if a is None or b is None:
            return None
        if not (is_number(a) and is_number(b)):
            raise Wrong("cannot be calculated with", kinds=(kind(a), kind(b)))
        return work(decimal(a), decimal(b))

    return operate


def add(a: Any, b: Any) -> Any:
    """`a + b`: numbers, or two texts."""
    if type(a) is str and type(b) is str:
        return bounded(a + b)
    return _add(a, b)


_add = _arithmetic(_CONTEXT.add)
sub = _arithmetic(_CONTEXT.subtract)
mul = _arithmetic(_CONTEXT.multiply)
div = _arithmetic(_CONTEXT.divide)
floordiv = _arithmetic(_CONTEXT.divide_int)
mod = _arithmetic(_CONTEXT.remainder)


def neg(a: Any) -> Decimal | None:
    """`-a`"""
    return None if a is None else _CONTEXT.minus(decimal(a))


def pos(a: Any) -> Decimal | None:
    """`+a`"""
    return None if a is None else decimal(a)


def text(value: Any) -> str:
    """How a value reads within text: null is empty, true is `true`, a number is written out in full."""
    of = type(value)
    if of is str:
        return value  # type: ignore[no-any-return]
    if of is float and "e" not in (short := repr(value)) and "n" not in short:  # an exponent, inf, nan
        return short
    if value is None:
        return ""
    if of is bool:
        return "true" if value else "false"
    if of is int:
        return str(value)
    if of is float or of is Decimal:
        number = decimal(value)
        return format(number, "f") if -20 < number.adjusted() < 30 else str(number)
    raise Wrong("has no text", kinds=(kind(value),), remedy="use join, map or length")


def bounded(result: str) -> str:
    """The same text, refused when it is longer than any remote field can be."""
    if len(result) > LARGEST_TEXT:
        raise Wrong(f"text longer than {LARGEST_TEXT:,} characters")
    return result


def cat(*pieces: str) -> str:
    """Pieces as one text; the size is known before it costs memory."""
    if sum(map(len, pieces)) > LARGEST_TEXT:
        raise Wrong(f"text longer than {LARGEST_TEXT:,} characters")
    return "".join(pieces)


def joined(pieces: Iterable[str], between: str = "") -> str:
    """Like `cat` for a stream of pieces."""
    kept: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece) + len(between)
        if size > LARGEST_TEXT + len(between):
            raise Wrong(f"text longer than {LARGEST_TEXT:,} characters")
        kept.append(piece)
    return between.join(kept)


def each(values: Any, meter: list[int]) -> list[Any]:
    """Elements for a loop: null has none, only lists have some. `meter` holds the steps that the record has left."""
    if values is None:
        return []
    if type(values) is not list:
        raise Wrong("cannot be looped over", kinds=(kind(values),))
    meter[0] -= len(values)
    if meter[0] < 0:
        raise Wrong(f"loops of more than {MOST_STEPS:,} steps for one record")
    return values


def trimmed(result: str) -> str:
    """Text of several lines without the blanks at its end."""
    return result.rstrip()


def ref(of: str, name: Any) -> Ref | None:
    """A remote object by name; null where the name is null or empty."""
    said = text(name)
    return Ref(of, said) if said else None


def file(source: Any, types: tuple[str, ...], largest: int) -> File | None:
    """A file by its URL or as base64; null where there is none."""
    if source is None or source == "":
        return None
    if type(source) is not str:
        raise Wrong("neither a URL nor base64", kinds=(kind(source),))
    return File(source, types, largest)


def need(value: Any) -> Any:
    """A required field's value."""
    if value is None or value == "":
        raise Wrong("no value for a required field", remedy="correct the record, or give `from` a default")
    return value


_CODE = re.compile(r"(?!\d{7})[A-Za-z0-9_.-]{1,40}\Z")
"""What looks like a code that a map might list; names, addresses and telephone numbers are a customer's and not shown."""


def park(value: Any) -> Any:
    """The end of `map` with `otherwise: park`, or with a value that is not listed and no `otherwise`."""
    if type(value) is str:
        shown = f"'{value}'" if _CODE.match(value) else "a text (not shown: it may be a customer's)"
    else:
        shown = text(value) if type(value) in (int, float, bool, Decimal) else kind(value)
    remedy = "add the value to `map`, or give `otherwise` a value"
    raise Wrong(f"{shown} is not in `map`", remedy=remedy)


def said(value: Any) -> Any:
    """A value as `map` looks it up: keys in YAML are text; null for what has no text."""
    if type(value) is str or value is None:
        return value
    return text(value)


def key_of(value: Any, what: str) -> str:
    """A line's key or target as text."""
    found = text(value)
    if not found:
        raise Wrong(f"no value for {what}", remedy="give the record a value, or leave the line out with `when`")
    return found


def keys_of(value: Any, many: bool) -> str | list[str] | None:
    """The key, or the keys, that a lookup asks for; null where there is nothing to look up."""
    if value is None or value == "":
        return None
    if not many:
        return text(value)
    if type(value) is not list:
        raise Wrong("not a list of keys", kinds=(kind(value),), remedy="use json or split")
    return list(dict.fromkeys(found for one in value if (found := text(one))))


def origins_of(value: Any) -> list[str]:
    """The keys of the records that one answers: of one, of a list, or of none."""
    found = value if type(value) is list else [value]
    return list(dict.fromkeys(each for one in found if (each := text(one))))
