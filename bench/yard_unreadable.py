"""Messages to which no true yard belongs: whoever answers them with a yard has made it up."""

from __future__ import annotations

__all__ = ["BAD"]

BAD: list[tuple[str, str]] = [
    (
        "Track 1: A, D, A. Track 2: empty. Track 3: B. Track 4: empty. I move one from track 3 to track 2. What then?",
        "wagon A stands twice on one track",
    ),
    (
        "On the first track stand B and C, on the second nothing, on the third C and E, on the fourth F. "
        "May I move the last wagon of the fourth track to the second?",
        "wagon C stands on two tracks",
    ),
    ("T1=AD T2=- T3=GB T4=-\nmoves: 1 -> 2\nresult?", "there is no wagon G"),
    (
        "Track 1 holds A and Q. The other tracks are empty. What does the yard look like if I move Q to track 2?",
        "there is no wagon Q",
    ),
    (
        "- track 1: 7, 9\n- track 2: 4\n- track 3: empty\n- track 4: empty\nCan I move 9 to track 2?",
        "wagons have letters",
    ),
    (
        "Track 1 has A, B, C, D and E. Track 2 has F. Tracks 3 and 4 are empty. Is it allowed to move F to track 3?",
        "five wagons on one track",
    ),
    ("1: ABCDEF, 2: -, 3: -, 4: -. How do I get F onto track 4?", "six wagons on one track"),
    (
        "Track 1: A. Track 2: B. Track 3: C. Track 4: D. Track 5: E, F. Which wagon leaves track 5 first?",
        "there is no track 5",
    ),
    (
        "Siding 1 holds A and D, siding 2 is empty, siding 3 holds B, siding 4 is empty. "
        "How does the yard look after I take a wagon from siding 1 to siding 6?",
        "there is no track 6",
    ),
    (
        "| track | wagons |\n|---|---|\n| 0 | A, C |\n| 1 | B |\n| 2 | - |\n| 3 | - |\nMove one from 0 to 2. Result?",
        "there is no track 0",
    ),
    (
        "Track 1 is empty, track 2 is empty, track 3 has B and C, track 4 is empty. Track 2 has A on it. "
        "What happens if I move C to track 4?",
        "track 2 is both empty and not",
    ),
    (
        "Track 1: A, B. Track 2: empty. Track 3: F. Track 4: empty. Track 1: B, A. "
        "Move the last wagon of track 1 to track 2 and tell me what is where.",
        "two orders of the same track",
    ),
    (
        "Only track 1 is in use. On it A is nearer to the buffer stop than D, and D is nearer to it than A. "
        "I move D to track 3, what then?",
        "each of two wagons stands before the other",
    ),
    ("What does the yard look like after I move a wagon from track 1 to track 3 and then one from 2 to 4?", "no state"),
    ("Is it allowed to move wagon E to the fourth track?", "no state"),
    (
        "Goal:\n- track 1: A\n- track 2: B, C\n- track 3: empty\n- track 4: empty\nWhich moves lead there?",
        "a goal, no start",
    ),
    (
        "Track 1: A and D. I cannot see the other tracks from here. How will all four look after I move D to 2?",
        "three tracks are unknown",
    ),
    (
        "There are some wagons on the first track, a few more on the third, and the rest is somewhere on the fourth. "
        "What is the yard like if I shunt one from the first to the third?",
        "the wagons are not named",
    ),
    (
        "Track 1 has three wagons, track 2 has none, track 3 has two, track 4 has one. And after 1 -> 2?",
        "the wagons are counted, not named",
    ),
    (
        "A is on track 1. B is on track 2 or maybe on track 3. Track 4 is empty. What stands where if A goes to 4?",
        "the place of wagon B is open",
    ),
    (
        "Track 1: A, D. Track 2: empty. Track 3: B. Track 4: empty. How is the yard after I put E on track 2?",
        "wagon E is not in the yard",
    ),
    (
        "Start: track 1: A, B; track 2: empty; track 3: empty; track 4: empty. "
        "Goal: track 1: A; track 2: C; track 3: empty; track 4: empty. Which moves?",
        "the goal has a wagon that the start has not",
    ),
    (
        "From this: A and B on track 1, C on track 2, the others empty, to this: A on track 1, the others empty. How?",
        "wagons vanish on the way to the goal",
    ),
    (
        "Track 1: A. Track 2: B, C. Track 3: empty. Track 4: empty. Move a wagon from track 2 to track 2. What then?",
        "source and target are the same track",
    ),
    (
        "White king on e1, rook on h1, black king on e8 with a rook on a8. Can White castle, how is the board then?",
        "another world: chess",
    ),
    (
        "Block A is on block B, B is on the table, and C is on the table. I put A on C. What does the table look like?",
        "another world: blocks",
    ),
    (
        "Three discs lie on the first of three pegs, the largest at the bottom. Which moves bring all to the third?",
        "another world: the tower of Hanoi",
    ),
    (
        "Flight 12 is at gate 1, flight 30 at gate 3, gates 2 and 4 are free. May flight 30 be towed to gate 2?",
        "another world: an airport",
    ),
    (
        "Four rails of rust in evening light,\nthe wagons dream, the points lie still,\n"
        "a lamp goes out, and all the night\nthe buffers listen to the hill.\nWhat happens next?",
        "a poem",
    ),
    ("Thomas is on track 1 behind Percy, and James is on track 3. May Percy go to track 2?", "engines with names"),
    ("What is the best glue for plastic model wagons of the sixties?", "no question about a yard"),
    ("Write a Python function that reverses a linked list.", "no question about a yard"),
    ("track track 1 to of A the the empty 4 or -> ?? yard yes D D 3", "words without a sentence"),
    ("hello", "a greeting"),
    ("?", "nothing is said"),
]
"""A message, and what is wrong with it."""
