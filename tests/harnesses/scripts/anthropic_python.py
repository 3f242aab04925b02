import base64

import anthropic
from given import KEY, MODEL, PARAMETERS, PICTURE, PROMPT, TASK, URL, read_note

client = anthropic.Anthropic(base_url=URL.removesuffix("/v1"), api_key=KEY)
content = [{"type": "text", "text": PROMPT}]
if TASK == "image":
    data = base64.b64encode(PICTURE.read_bytes()).decode()
    content.append({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
messages = [{"role": "user", "content": content}]
if TASK == "tools":
    tools = [{"name": "read_note", "description": "Read a file.", "input_schema": PARAMETERS}]
    answer = client.messages.create(model=MODEL, max_tokens=200, messages=messages, tools=tools)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": read_note(**block.input)}
        for block in answer.content
        if block.type == "tool_use"
    ]
    messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    answer = client.messages.create(model=MODEL, max_tokens=200, messages=messages, tools=tools)
    print("".join(block.text for block in answer.content))
else:
    with client.messages.stream(model=MODEL, max_tokens=200, messages=messages) as stream:
        for text in stream.text_stream:
            print(text, end="", flush=True)
        stream.get_final_message()
