"""What the second set of people asks about a switch yard, kept for the final figure.

The places in the paragraphs are those of `bench.yard_questions`.
"""

from __future__ import annotations

__all__ = ["SECOND_QUESTIONS"]

AFTER: dict[str, tuple[str, ...]] = {
    "plain": ("{state}", "I make these moves:{list}", "What is on each track now?"),
    "end_state": ("Current state:{state}", "Moves:{list}", "What is the end state?"),
    "if_i": ("{state}", "If I {do}, what do the four tracks look like?"),
    "forum": (
        "Evening all, quick one about my shunting layout.",
        "It starts like this:{state}",
        "I then run this sequence:{list}",
        "Where does everything end up?",
    ),
    "ticket": ("Present occupancy:{state}", "Work performed:{list}", "Please confirm the resulting occupancy."),
    "homework": ("Given is this yard:{state}", "These moves are carried out in order:{list}", "Write down the result."),
    "grandparent": (
        "My grandson's train set stands like this today:{state}",
        "He wants to {do}.",
        "Can you tell me how it will look then?",
    ),
    "text_message": ("{state}", "then:{list}", "what's where now?"),
    "game_turn": ("The board:{state}", "My turn: I {do}.", "Show me the new board."),
    "show_first": ("Show the yard after the moves below.", "Start:{state}", "Moves:{list}"),
}

SAFE: dict[str, tuple[str, ...]] = {
    "plain": ("{state}", "Is it allowed to {do}?"),
    "may_i": ("May I {do}?", "The tracks at the moment:{state}"),
    "possible": ("{state}", "Is this move possible: {one}?"),
    "valid": ("Yard state:{state}", "Proposed move: {one}.", "Is it valid?"),
    "forum": (
        "Hi folks, before I send the loco in I would like a second opinion.",
        "What I've got:{state}",
        "Am I OK to {do}?",
    ),
    "ticket": ("Occupancy:{state}", "Requested: {one}.", "Can this be carried out safely?"),
    "homework": ("Look at this yard:{state}", "Decide whether you can {do}, and say why or why not."),
    "grandparent": ("{state}", "Now the little one would like to {do}.", "Will that work, dear?"),
    "text_message": ("{state}", "is this ok: {one}"),
    "game_turn": ("Position:{state}", "I want to {do}.", "Is that a legal turn?"),
}

PLAN: dict[str, tuple[str, ...]] = {
    "plain": ("Now:{state}", "Wanted:{goal}", "How do I get there?"),
    "current_target": ("Current state:{state}", "Target state:{goal}", "List the moves."),
    "i_want": ("My yard:{state}", "I want this instead:{goal}", "Which moves should I make?"),
    "forum": (
        "Hello everyone, I'm stuck on a shunting puzzle.",
        "It starts out like this:{state}",
        "It has to finish like this:{goal}",
        "What would you do?",
    ),
    "ticket": ("As is:{state}", "To be:{goal}", "Please provide the sequence of moves."),
    "homework": (
        "Find a sequence of moves that turns the first yard into the second.",
        "First yard:{state}",
        "Second yard:{goal}",
    ),
    "grandparent": (
        "The trains are standing like this:{state}",
        "For the birthday party they ought to stand like this:{goal}",
        "What must I do, one move at a time?",
    ),
    "text_message": ("now:{state}", "need:{goal}", "what moves?"),
    "planner": (
        "We need a shunting plan for tonight.",
        "Opening position:{state}",
        "Closing position:{goal}",
        "Use as few moves as you can.",
    ),
    "game_master": ("The puzzle begins with:{state}", "It is solved when it reads:{goal}", "Give me the solution."),
}

SECOND_QUESTIONS = {"after": AFTER, "safe": SAFE, "plan": PLAN}
"""Kind of question → name of a style → the paragraphs of a message."""
