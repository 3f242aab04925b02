"""What people ask about a switch yard: whole messages as paragraphs with places for the yard and for the moves.

`{state}` and `{goal}` are yards in a style of `bench.yard_states`; `{list}` is several moves in any form, led by a
space or a line break; `{do}` is the same as one verb phrase; `{one}` is a single move in any form. A paragraph that
ends with a colon before a yard leads it in.
"""

from __future__ import annotations

__all__ = ["QUESTIONS"]

AFTER: dict[str, tuple[str, ...]] = {
    "plain": ("{state}", "Moves:{list}", "What does the yard look like afterwards?"),
    "asked_first": ("Where does every wagon stand once these moves are done?", "Yard:{state}", "Moves:{list}"),
    "what_if": ("{state}", "What would the yard look like if I {do}?"),
    "just_did": ("This is how my yard stood this morning:{state}", "Since then I did this:{list}", "How is it now?"),
    "curt": ("yard:{state}", "do:{list}", "result?"),
    "child": ("Hi! This is my train yard!", "{state}", "Now I {do}.", "What is on all my tracks now?"),
    "wordy": (
        "Good morning! I should be very grateful if you told me how my yard will stand after some shunting.",
        "At the moment it is like this:{state}",
        "My plan is as follows:{list}",
        "Many thanks in advance for your trouble.",
    ),
    "dispatcher": ("Situation:{state}", "Orders:{list}", "Report the yard after the last order."),
    "programmer": ("Initial state:{state}", "Operations:{list}", "Give me the final state."),
    "learner": ("I have this yard:{state}", "I make these moves:{list}", "How is the yard after?"),
    "imagine": ("Imagine that I {do}.", "Which wagons are then on which track?", "Before that it is so:{state}"),
    "contents": ("Tell me the contents of all four tracks after this:{list}", "We begin with:{state}"),
    "told_to": ("{state}", "Suppose the crew is told to {do}.", "What stands where in the end?"),
    "before_after": ("Before:{state}", "Steps:{list}", "After: ?"),
}

SAFE: dict[str, tuple[str, ...]] = {
    "plain": ("{state}", "Is this move allowed: {one}?"),
    "can_i": ("{state}", "Can I {do}?"),
    "allowed_first": ("Am I allowed to {do}?", "The yard:{state}"),
    "safe": ("{state}", "Would it be safe to {do}?"),
    "in_the_way": ("{state}", "Is it possible to {do}, or do the rules stand in the way?"),
    "child": ("Look at my train yard!", "{state}", "Is it okay if I {do}?"),
    "permission": ("Yard as follows:{state}", "Request permission to {do}.", "Granted or refused?"),
    "programmer": ("State:{state}", "Is this a legal move or an illegal one: {one}?"),
    "curt": ("yard:{state}", "{one}, ok?"),
    "wordy": (
        "Excuse me, could you kindly tell me whether I may {do}?",
        "I would not like to break any rule.",
        "Here is what stands in the yard:{state}",
    ),
    "learner": ("My yard is this:{state}", "It is permitted that I {do}?"),
    "about_to": ("{state}", "I am about to {do}.", "Does anything forbid that?"),
    "check": ("Please check one move for me: {one}.", "Does it work here?", "{state}"),
    "yes_or_no": ("Answer yes or no: may one {do} when the yard is like this?", "{state}"),
}

PLAN: dict[str, tuple[str, ...]] = {
    "plain": ("Start:{state}", "Goal:{goal}", "Which moves lead there?"),
    "end_up": ("{state}", "I want it to end up like this:{goal}", "What moves do I need?"),
    "how_first": ("How do I get the yard from the start to the goal?", "Start:{state}", "Goal:{goal}"),
    "shortest": ("The yard is now:{state}", "It should become:{goal}", "What is the shortest sequence of moves?"),
    "child": ("My trains are like this:{state}", "But I want them like this:{goal}", "How can I do it?"),
    "dispatcher": ("Present position:{state}", "Required position:{goal}", "Give the shunting orders."),
    "programmer": (
        "initial state:{state}",
        "target state:{goal}",
        "Find a minimal list of moves from one to the other.",
    ),
    "curt": ("now:{state}", "want:{goal}", "moves?"),
    "wordy": (
        "Hello, I hope you are well. I have a little shunting puzzle and would love your help with it.",
        "The wagons currently stand like this:{state}",
        "By this evening they should stand like this instead:{goal}",
        "Would you be so kind as to tell me which moves bring this about? Thank you!",
    ),
    "learner": ("Now the yard is:{state}", "I want that the yard is:{goal}", "Which moves I must do?"),
    "from_to": ("From this:{state}", "to this:{goal}", "How?"),
    "few_moves": ("With as few moves as possible, reach this yard:{goal}", "You start from this one:{state}"),
    "rearrange": ("Plan my moves, please.", "What I have:{state}", "What I need:{goal}"),
    "before_after": ("Before:{state}", "After:{goal}", "What moves were made in between? The fewest will do."),
}

QUESTIONS = {"after": AFTER, "safe": SAFE, "plan": PLAN}
"""Kind of question → name of a style → the paragraphs of a message."""
