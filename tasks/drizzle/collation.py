"""The order of folder names as JavaScript's `localeCompare` has it, which decides the order of generation 1."""

from functools import cache

# The root collation of CLDR, which en-US uses unchanged: punctuation, then symbols, then digits, then letters.
# Byte order is another one: there `-` comes before `_` and `Z` before `a`.
SYMBOLS = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
ORDER = {symbol: rank for rank, symbol in enumerate(SYMBOLS)}
DIGITS_FROM = len(ORDER)
LETTERS_FROM = DIGITS_FROM + 10
OTHERS_FROM = LETTERS_FROM + 26

Key = tuple[tuple[int, ...], tuple[bool, ...], str]


def locale_key(name: str) -> Key:
    """A sort key that orders ASCII names as `a.localeCompare(b)` does in an English or C locale.

    Names that differ only in case put the lower case first. Characters beyond ASCII come last, in code point order;
    there ICU's order depends on the locale of the process that runs Drizzle (see `is_ambiguous`).
    """
    return tuple(map(_rank, name)), tuple(character.isupper() for character in name), name


def is_ambiguous(name: str) -> bool:
    """True when the place of this name depends on the locale of the machine, because it is not plain ASCII."""
    return not name.isascii()


@cache
def _rank(character: str) -> int:
    if character in ORDER:
        return ORDER[character]
    if "0" <= character <= "9":
        return DIGITS_FROM + ord(character) - ord("0")
    lower = character.lower()
    if "a" <= lower <= "z":
        return LETTERS_FROM + ord(lower) - ord("a")
    return OTHERS_FROM + ord(character)
