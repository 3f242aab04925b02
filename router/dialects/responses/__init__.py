"""OpenAI's Responses, for backends that speak chat completions only. Codex speaks nothing else.

body → fields, parts, items, turns, tools, choice → request: the prompt
events → output, actions, spelling → answer → stream, or the response as one object
"""

from router.dialects.responses.dialect import Responses

__all__ = ["Responses"]
