"""How a second, independent set of people describes a switch yard: styles kept for the final figure.

Written without a look at the reader of `kind: world`, its training phrasings, or the styles of `bench.yard_states`, and
never used to improve any of them. Most are the plain lists that people type. Where a style does not say so otherwise, a
track is told from its buffer stop to the switch. `track` and `wagon` give way to a person's own words, as there.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from bench.yard_states import NUMBERS, ORDINALS, StateStyle
from router.world.yard.state import Yard

__all__ = ["SECOND_LOWERCASE", "SECOND_STATES"]

SECOND_STATES: dict[str, StateStyle] = {}
SECOND_LOWERCASE = frozenset({"text_message", "lazy_rows"})
"""Styles without capitals, as `bench.yard_states.LOWERCASE`."""


def _style(style: StateStyle) -> StateStyle:
    SECOND_STATES[style.__name__] = style
    return style


def _enumerated(words: Iterable[object]) -> str:
    """`A`, `A and B`, `A, B, and C`."""
    listed = [str(word) for word in words]
    if len(listed) < 3:
        return " and ".join(listed)
    return ", ".join(listed[:-1]) + ", and " + listed[-1]


def _rows(yard: Yard) -> list[tuple[int, str]]:
    return list(enumerate(yard.tracks, 1))


def _full(yard: Yard) -> list[tuple[int, str]]:
    return [(n, wagons) for n, wagons in _rows(yard) if wagons]


def _free(yard: Yard) -> list[int]:
    return [n for n, wagons in _rows(yard) if not wagons]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# Everyday lists


@_style
def colon_rows(yard: Yard, rng: Random) -> str:
    none = rng.choice(("empty", "-", "(empty)", "nothing"))
    return "\n".join(f"Track {n}: {', '.join(w) or none}" for n, w in _rows(yard))


@_style
def number_rows(yard: Yard, rng: Random) -> str:
    none = rng.choice(("empty", "none", "--"))
    return "\n".join(f"{n}: {' '.join(w) or none}" for n, w in _rows(yard))


@_style
def markdown_numbers(yard: Yard, rng: Random) -> str:
    none = rng.choice(("empty", "*empty*", "free"))
    return "The tracks, by number:\n" + "\n".join(f"{n}. {', '.join(w) or none}" for n, w in _rows(yard))


@_style
def bullets(yard: Yard, rng: Random) -> str:
    bullet, none = rng.choice("-*•"), rng.choice(("none", "empty", "no wagons"))
    return "\n".join(f"{bullet} Track {n}: {_enumerated(w) or none}" for n, w in _rows(yard))


@_style
def bold_bullets(yard: Yard, rng: Random) -> str:
    return "\n".join(f"- **Track {n}**: {', '.join(w) or 'empty'}" for n, w in _rows(yard))


@_style
def equals(yard: Yard, rng: Random) -> str:
    gap, none = rng.choice((", ", "; ")), rng.choice(("empty", "0", "nothing"))
    return gap.join(f"T{n} = {w or none}" for n, w in _rows(yard))


@_style
def short_names(yard: Yard, rng: Random) -> str:
    gap, none = rng.choice(("-", " ", ", ")), rng.choice(("empty", "none", "clear"))
    return "\n".join(f"T{n}: {gap.join(w) or none}" for n, w in _rows(yard))


@_style
def semicolons(yard: Yard, rng: Random) -> str:
    return _upper("; ".join(f"track {n}: {', '.join(w) or 'empty'}" for n, w in _rows(yard)) + ".")


@_style
def pipes(yard: Yard, rng: Random) -> str:
    none = rng.choice(("empty", "-"))
    return " | ".join(f"Track {n}: {' '.join(w) or none}" for n, w in _rows(yard))


@_style
def brackets(yard: Yard, rng: Random) -> str:
    return "Track " + ", track ".join(f"{n} ({', '.join(w) or 'empty'})" for n, w in _rows(yard)) + "."


@_style
def dash_rows(yard: Yard, rng: Random) -> str:
    dash, none = rng.choice(("-", "–", "->")), rng.choice(("empty", "nothing there", "no wagon"))
    return "\n".join(f"Track {n} {dash} {', '.join(w) or none}" for n, w in _rows(yard))


@_style
def one_sentence(yard: Yard, rng: Random) -> str:
    none = rng.choice(("is empty", "has nothing", "is free"))
    parts = [f"track {n} has {_enumerated(w)}" if w else f"track {n} {none}" for n, w in _rows(yard)]
    return _upper(", ".join(parts[:-1]) + f", and {parts[-1]}.")


@_style
def i_have(yard: Yard, rng: Random) -> str:
    parts = [f"{', '.join(w) or 'nothing'} on track {n}" for n, w in _rows(yard)]
    return f"I have {'; '.join(parts[:-1])}; and {parts[-1]}."


@_style
def there_are(yard: Yard, rng: Random) -> str:
    told = [
        f"On track {n} there {'are' if len(w) > 1 else 'is'} {_enumerated(w)}." if w else f"Track {n} is empty."
        for n, w in _rows(yard)
    ]
    return " ".join(told)


@_style
def rest_empty(yard: Yard, rng: Random) -> str:
    told = " ".join(f"Track {n}: {', '.join(w)}." for n, w in _full(yard))
    rest = {0: "", 1: " The other track is empty."}.get(len(_free(yard)), " The other tracks are empty.")
    return told + rest


@_style
def empty_first(yard: Yard, rng: Random) -> str:
    free = _free(yard)
    lead = f"{_upper(_tracks(free))} {'are' if len(free) > 1 else 'is'} empty. " if free else "No track is empty. "
    return lead + " ".join(f"Track {n} has {', '.join(w)}." for n, w in _full(yard))


def _tracks(numbers: list[int]) -> str:
    return f"track{'s' * (len(numbers) > 1)} {_enumerated(numbers)}"


@_style
def text_message(yard: Yard, rng: Random) -> str:
    none = rng.choice(("nothing", "is empty"))
    return "track " + ", ".join(f"{n} has {' '.join(w.lower())}" if w else f"{n} {none}" for n, w in _rows(yard))


@_style
def lazy_rows(yard: Yard, rng: Random) -> str:
    return "\n".join(f"track {n}: {', '.join(w.lower()) or 'empty'}" for n, w in _rows(yard))


# Other people


@_style
def grandparent(yard: Yard, rng: Random) -> str:
    """Ordinals, and which end is which said once."""
    told = [
        f"on the {ORDINALS[n - 1]} {'one ' * (n > 1)}{f'I see {_enumerated(w)}' if w else 'there is nothing at all'}"
        for n, w in _rows(yard)
    ]
    told[0] = told[0].replace("first ", "first track ", 1)
    return _upper(", ".join(told[:-1]) + f", and {told[-1]}, counting always from the buffer stop.")


@_style
def head_count(yard: Yard, rng: Random) -> str:
    """A planner gives the occupancy with the list."""
    counts = [f"{len(w)} wagon{'s' * (len(w) != 1)}" for w in yard.tracks]
    rows = [f"Track {n}: {count}" for n, count in enumerate(counts, 1)]
    return "\n".join(f"{row} ({', '.join(w)})" if w else row for row, w in zip(rows, yard.tracks, strict=True))


@_style
def table(yard: Yard, rng: Random) -> str:
    rows = [f"| {n} | {', '.join(w) or '-'} |" for n, w in _rows(yard)]
    return "\n".join(("| Track | Wagons, buffer stop to switch |", "| --- | --- |", *rows))


@_style
def comma_values(yard: Yard, rng: Random) -> str:
    return "\n".join(("track,wagons", *(f"{n},{' '.join(w) or 'empty'}" for n, w in _rows(yard))))


@_style
def settings(yard: Yard, rng: Random) -> str:
    """YAML, as somebody writes who keeps such files."""
    return "tracks:\n" + "\n".join(f"  {n}: [{', '.join(w)}]" for n, w in _rows(yard))


@_style
def quoted_lists(yard: Yard, rng: Random) -> str:
    lists = ["[" + ", ".join(f"'{wagon}'" for wagon in w) + "]" for w in yard.tracks]
    return f"tracks 1 to 4 = {', '.join(lists)}"


@_style
def drawn(yard: Yard, rng: Random) -> str:
    """Rails in characters."""
    rows = "\n".join(f"{n}  ]{'--'.join(('', *w, ''))}<" for n, w in _rows(yard))
    return f"Buffer stops on the left, the switch on the right:\n{rows}"


@_style
def counted(yard: Yard, rng: Random) -> str:
    """Homework: every place has its ordinal."""
    told = [
        f"Track {NUMBERS[n - 1]}: {', '.join(f'{ORDINALS[i]} {w[i]}' for i in range(len(w))) or 'no wagon'}."
        for n, w in _rows(yard)
    ]
    return "Counting away from the buffer stop. " + " ".join(told)


@_style
def wagon_rows(yard: Yard, rng: Random) -> str:
    """A row for each wagon, in the order of the alphabet."""
    rows = sorted(f"{wagon}: track {n}, place {i}" for n, w in _rows(yard) for i, wagon in enumerate(w, 1))
    return "Place 1 is at the buffer stop; a track without a row is empty.\n" + "\n".join(rows)


@_style
def switch_end_first(yard: Yard, rng: Random) -> str:
    rows = [f"Track {n}: {', '.join(reversed(w)) or 'empty'}" for n, w in _rows(yard)]
    return "Read each track from the switch towards the buffer stop.\n" + "\n".join(rows)


@_style
def game_master(yard: Yard, rng: Random) -> str:
    return " ".join(_scene(n, w) for n, w in _rows(yard))


def _scene(n: int, wagons: str) -> str:
    if not wagons:
        return f"Track {n} lies deserted."
    if len(wagons) == 1:
        return f"On track {n} waits {wagons}, all alone."
    middle = f", then {_enumerated(wagons[1:-1])}" if wagons[1:-1] else ""
    return f"On track {n} {wagons[0]} waits at the buffer stop{middle}, and {wagons[-1]} is closest to the switch."


@_style
def ready_to_leave(yard: Yard, rng: Random) -> str:
    """An engineer names the wagon that can go, and what it hides in order."""
    told = []
    for n, w in _rows(yard):
        hidden = f", with {' then '.join(reversed(w[:-1]))} behind it towards the buffer stop" if w[1:] else ""
        told.append(f"Track {n}: {w[-1]} is next to the switch{hidden}." if w else f"Track {n}: unoccupied.")
    return " ".join(told)
