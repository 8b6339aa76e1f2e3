"""What a pickle says, without doing any of it: a reader that builds plain data and inert records.

A pickle is a program; its reader in Python's library imports and calls what it names. Here a name stays a
`Name`, a call a `Call`: nothing is imported, called or set. Only names that were allowed may occur at all, so
that a file which wants `os.system` is refused by that name before anything else reads it.
"""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

MAX_OPERATIONS = 2_000_000
"""Operations of one pickle; the largest published one has less than 100,000."""
KEY_TYPES = (str, int, float, bool, bytes, type(None))
_PLAIN_VALUES = frozenset(
    "BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE BINUNICODE8 "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BINSTRING SHORT_BINSTRING".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}


def shown(text: object) -> str:
    """Give a text from a foreign file so that it can be printed: short, without control characters."""
    return str(text)[:80].encode("unicode_escape").decode("ascii")


class Refused(ValueError):
    """The pickle does or names something that no weights need, or is torn."""


class Name(NamedTuple):
    """Something the pickle wants imported, such as torch.FloatStorage."""

    module: str
    attribute: str

    def __str__(self) -> str:
        """Give the dotted name."""
        return f"{self.module}.{self.attribute}"


@dataclass(eq=False)
class Call:
    """Something the pickle wants called, and what it then wants to set on the result."""

    function: Any
    arguments: tuple
    state: Any = None


def read_plain(
    stream: IO[bytes],
    allowed: Collection[str],
    on_call: Callable[[Call], None] | None = None,
    on_persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Read one pickle; the stream is left right after it.

    Args:
        stream: the bytes.
        allowed: dotted names that may occur.
        on_call: looks at each call; may raise `Refused`.
        on_persistent: turns a reference to data outside the pickle into a record; None: none may occur.

    Returns:
        Numbers, texts, lists, tuples, dicts, `Name` and `Call` records.

    Raises:
        Refused: if it names, does or holds anything else.
    """
    machine = _Machine(frozenset(allowed), on_call, on_persistent)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if machine.step(opcode.name, argument):
                return machine.stack.pop()
            if count > MAX_OPERATIONS:
                raise Refused(f"its pickle has more than {MAX_OPERATIONS} operations")
    except Refused:
        raise
    except (MemoryError, OverflowError) as error:
        raise Refused("its pickle declares more than it can hold") from error
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise Refused(f"its pickle is damaged ({shown(error)})") from error
    raise Refused("its pickle has no end")


class _Machine:
    """The pickle's stack machine over inert data."""

    def __init__(self, allowed: frozenset[str], on_call: Any, on_persistent: Any) -> None:
        self._allowed, self._on_call, self._on_persistent = allowed, on_call, on_persistent
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def step(self, code: str, argument: Any) -> bool:
        """Take one operation; True at the pickle's end."""
        stack = self.stack
        if code in _PLAIN_VALUES:
            stack.append(argument)
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _EMPTY:
            stack.append(_EMPTY[code]())
        elif code == "MARK":
            self._marked.append(stack)
            self.stack = []
        elif code in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif code == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif code in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif code in ("GLOBAL", "STACK_GLOBAL"):
            self._push_name(code, argument)
        elif code in ("REDUCE", "NEWOBJ", "BUILD"):
            self._note_call(code)
        elif code == "BINPERSID":
            if self._on_persistent is None:
                raise Refused("its pickle refers to data outside it")
            stack.append(self._on_persistent(stack.pop()))
        elif code not in ("PROTO", "FRAME", "STOP"):
            self._collect(code)
        return code == "STOP"

    def _push_name(self, code: str, argument: Any) -> None:
        if code == "STACK_GLOBAL":
            attribute, module = self.stack.pop(), self.stack.pop()
        else:
            module, _, attribute = argument.partition(" ")
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise Refused("its pickle wants something that has no name")
        module = "builtins" if module == "__builtin__" else module  # as Python 2 called it
        name = Name(module, attribute)
        if str(name) not in self._allowed:
            raise Refused(f"it wants {shown(name)}, which no weights need: refused, nothing in it was run")
        self.stack.append(name)

    def _note_call(self, code: str) -> None:
        given = self.stack.pop()
        if code == "BUILD":
            if not isinstance(self.stack[-1], Call) or self.stack[-1].state is not None:
                raise Refused("its pickle sets attributes where no weights do")
            self.stack[-1].state = given
            return
        function = self.stack.pop()
        if not isinstance(function, Name) or not isinstance(given, tuple):
            raise Refused("its pickle calls what has no name")
        call = Call(function, given)
        if self._on_call is not None:
            self._on_call(call)
        self.stack.append(call)

    def _collect(self, code: str) -> None:
        """Build tuples and fill lists and dicts, also those that a call made."""
        if code in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(code[-1])
            self.stack[-count:] = [tuple(self.stack[-count:])]
            return
        if code in ("APPEND", "SETITEM"):
            count = 1 if code == "APPEND" else 2
            items = self.stack[-count:]
            del self.stack[-count:]
        elif code in ("TUPLE", "APPENDS", "SETITEMS"):
            items, self.stack = self.stack, self._marked.pop()
        else:
            raise Refused(f"its pickle holds the operation {code}, which torch never writes")
        if code == "TUPLE":
            self.stack.append(tuple(items))
        elif code.startswith("APPEND"):
            if type(self.stack[-1]) is not list:
                raise Refused("its pickle appends to what is no list")
            self.stack[-1].extend(items)
        else:
            self._set_items(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Call):  # an OrderedDict: what is put into it concerns no check
            target = {}
        if type(target) is not dict or len(items) % 2:
            raise Refused("its pickle sets items of what is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, KEY_TYPES):
                raise Refused("its pickle holds a dict whose keys are neither texts nor numbers")
            if isinstance(key, int) and abs(key) >= sys.hash_info.modulus:  # chosen, they all collide
                raise Refused("its pickle holds a dict whose keys are larger than any number of weights")
            target[key] = value
