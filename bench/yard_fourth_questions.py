"""What the fourth set of people ask about a switch yard; the places are those of `bench.yard_third_questions`."""

from __future__ import annotations

__all__ = ["FOURTH_QUESTIONS"]

AFTER: dict[str, tuple[str, ...]] = {
    "crew": ("My crew is about to {do}. What's the lineup once they're done?", "Lineup right now:{state}"),
    "final_state": ("state:{state}", "ops:{list}", "final state?"),
    "whats_on_each": ("ok so this is my yard rn:{state}", "if i {do}, whats on each track?"),
    "yard_list": ("Please update the yard list for these moves:{list}", "Yard list before the moves:{state}"),
    "pupil": (
        "Suppose a pupil has set the yard up as follows:{state}",
        "The pupil is then told to {do}. Which wagons stand on each track afterwards, and in which order?",
    ),
    "puzzle_start": ("Starting position:{state}", "Now {do}. Where does everything end up?"),
    "how_it_looks": (
        "Hello, I have a question about my yard. Now it is so:{state}",
        "I will {do}. How it looks after?",
    ),
    "required": ("Given:{state}", "Operations:{list}", "Required: the resulting arrangement of all four tracks."),
}

SAFE: dict[str, tuple[str, ...]] = {
    "wont_go": ("Lineup:{state}", "Could the crew {do}, or won't that go?"),
    "valid": ("{state}", "valid move? {one}"),
    "is_it_ok": ("is it ok to {do} or will that not work??", "heres the yard:{state}"),
    "confirm": ("Yard list as of now:{state}", "Request: {one}. Please confirm whether this can be carried out."),
    "reason": (
        "On the board we have the following yard:{state}",
        "Would it be correct to {do}? Please give the reason.",
    ),
    "legal": ("Position:{state}", 'Is "{one}" a legal move here?'),
    "say_me": ("Please say me, may I {do}?", "My yard is in this moment so:{state}"),
    "feasible": ("Please check the feasibility of one move:{list}", "Present arrangement:{state}"),
}

PLAN: dict[str, tuple[str, ...]] = {
    "switch_list": (
        "Lineup now:{state}",
        "Lineup I need for the evening train:{goal}",
        "Can you write me a switch list?",
    ),
    "print_moves": ("start:{state}", "goal:{goal}", "list the moves"),
    "turn_into": ("how do i turn this:{state}", "into this:{goal}"),
    "by_tonight": (
        "Current stock per track:{state}",
        "Required by tonight:{goal}",
        "Kindly send me the sequence of moves.",
    ),
    "class": (
        "My class has to rearrange this yard:{state}",
        "When they are finished, it must be:{goal}",
        "Which moves solve the exercise, and in which order?",
    ),
    "solve": ("Can you solve this one? Start position:{state}", "Finish position:{goal}", "Minimum moves, please!"),
    "i_wish": ("I wish that my yard looks like this:{goal}", "But today it is so:{state}", "Which moves must I make?"),
    "minimal": ("Initial arrangement:{state}", "Final arrangement:{goal}", "Find a minimal sequence of moves."),
}

FOURTH_QUESTIONS = {"after": AFTER, "safe": SAFE, "plan": PLAN}
