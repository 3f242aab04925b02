from given import KEY, MODEL, PROMPT, TASK, URL, data_url, read_note
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model=MODEL, base_url=URL, api_key=KEY)
if TASK == "tools":
    bound = model.bind_tools([tool(read_note)])
    messages = [HumanMessage(PROMPT)]
    asked = bound.invoke(messages)
    messages.append(asked)
    messages += [ToolMessage(read_note(**call["args"]), tool_call_id=call["id"]) for call in asked.tool_calls]
    print(bound.invoke(messages).content)
elif TASK == "image":
    parts = [{"type": "text", "text": PROMPT}, {"type": "image_url", "image_url": {"url": data_url()}}]
    print(model.invoke([HumanMessage(content=parts)]).content)
else:
    for piece in model.stream(PROMPT):
        print(piece.content, end="", flush=True)
