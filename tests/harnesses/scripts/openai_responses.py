import json

from given import KEY, MODEL, PARAMETERS, PROMPT, TASK, URL, data_url, read_note
from openai import OpenAI

client = OpenAI(base_url=URL, api_key=KEY)
content = [{"type": "input_text", "text": PROMPT}]
if TASK == "image":
    content.append({"type": "input_image", "image_url": data_url(), "detail": "auto"})
said = [{"role": "user", "content": content}]
if TASK == "tools":
    tools = [{"type": "function", "name": "read_note", "parameters": PARAMETERS, "strict": False}]
    answer = client.responses.create(model=MODEL, input=said, tools=tools)
    said += answer.output
    for item in answer.output:
        if item.type == "function_call":
            read = read_note(**json.loads(item.arguments))
            said.append({"type": "function_call_output", "call_id": item.call_id, "output": read})
    print(client.responses.create(model=MODEL, input=said, tools=tools).output_text)
else:
    with client.responses.stream(model=MODEL, input=said) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
        stream.get_final_response()
