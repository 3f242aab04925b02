import json

import litellm
from given import KEY, MODEL, PARAMETERS, PROMPT, TASK, URL, data_url, read_note

to = {"model": f"openai/{MODEL}", "api_base": URL, "api_key": KEY}
content = PROMPT
if TASK == "image":
    content = [{"type": "text", "text": PROMPT}, {"type": "image_url", "image_url": {"url": data_url()}}]
messages = [{"role": "user", "content": content}]
if TASK == "tools":
    tools = [{"type": "function", "function": {"name": "read_note", "parameters": PARAMETERS}}]
    asked = litellm.completion(messages=messages, tools=tools, **to).choices[0].message
    messages.append(asked)
    for call in asked.tool_calls:
        read = read_note(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": read})
    print(litellm.completion(messages=messages, tools=tools, **to).choices[0].message.content)
else:
    for chunk in litellm.completion(messages=messages, stream=True, **to):
        print(chunk.choices[0].delta.content or "", end="", flush=True)
