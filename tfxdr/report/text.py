"""Texts of the data as a terminal should get them."""

from __future__ import annotations

import unicodedata

# Control characters, halves of surrogate pairs, breaks of lines.
_UNSEEN = ("Cc", "Cs", "Zl", "Zp")
# They turn the direction of what follows, also outside of their own text.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str, keep: str = "") -> str:
    """A text whose control characters are escaped, as `\\x1b`.

    Ids and titles come from files: what a terminal would obey, it is shown.

    Args:
      text: any.
      keep: characters that stay, such as line breaks of a message.
    """
    return "".join(
        character
        if character in keep
        or not (
            unicodedata.category(character) in _UNSEEN or character in _TURNS
        )
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )
