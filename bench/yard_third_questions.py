"""What the third set of people ask about a switch yard; the places are those of `bench.yard_questions`."""

from __future__ import annotations

__all__ = ["THIRD_QUESTIONS"]

AFTER: dict[str, tuple[str, ...]] = {
    "where_now": ("Here's my switch yard:{state}", "I {do}.", "Where is everything now?"),
    "if_i": ("My yard looks like this:{state}", "If I {do}, what does it look like afterwards?"),
    "these_moves": ("{state}", "Then I do this:{list}", "Which wagons are on which track at the end?"),
    "tell_me": ("Tell me what every track looks like after this:{list}", "Right now it is:{state}"),
    "what_if": ("What would I have on each track if I {do}?", "This is the situation before that:{state}"),
    "plan_is": ("Start:{state}", "Moves:{list}", "What is the result?"),
    "help_me": (
        "Hi, can you help me with a shunting puzzle?",
        "{state}",
        "I want to {do}. How will the wagons stand then?",
    ),
    "show": ("At the moment:{state}", "Please {do}, and show me the yard."),
}

SAFE: dict[str, tuple[str, ...]] = {
    "can_i": ("This is how the wagons are standing:{state}", "Can I {do}?"),
    "allowed": ("{state}", "Am I allowed to {do}?"),
    "would_work": ("Current yard:{state}", "Would this move work:{list}"),
    "my_next": ("My yard right now:{state}", "What I want to do next: {one}. Is that possible?"),
    "problem": ("I'd like to {do}. Is there any problem with that?", "Here is where everything is:{state}"),
    "check": ("Please check a move for me: {one}", "The tracks are like this:{state}", "Is it okay or not?"),
    "is_there_room": ("Say the yard is like this:{state}", "Does it work if I {do}, or is that against the rules?"),
    "why_not": ("{state}", "Is it possible to {do}? If not, why?"),
}

PLAN: dict[str, tuple[str, ...]] = {
    "get_to": ("I have this:{state}", "I want to get to this:{goal}", "Which moves do I need?"),
    "how_do_i": ("How do I get from here:{state}", "to here:{goal}"),
    "should_be": ("Now:{state}", "It should look like this in the end:{goal}", "What are the steps?"),
    "fewest": ("Starting yard:{state}", "Target:{goal}", "Please find the fewest moves that get me there."),
    "goal_first": ("I'm trying to end up with this:{goal}", "What I have at the moment:{state}", "How can I do it?"),
    "one_at_a_time": (
        "The wagons are standing like this:{state}",
        "I need them like this instead:{goal}",
        "I can only move one wagon at a time. What should I do, step by step?",
    ),
    "stuck": ("I'm stuck with this puzzle. It starts like this:{state}", "and it has to end like this:{goal}"),
    "shortest": ("What's the shortest way to sort my yard?", "Before:{state}", "After:{goal}"),
}

THIRD_QUESTIONS = {"after": AFTER, "safe": SAFE, "plan": PLAN}
