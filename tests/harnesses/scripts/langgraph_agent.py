from given import KEY, MODEL, PROMPT, TASK, URL, data_url, read_note
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

agent = create_agent(ChatOpenAI(model=MODEL, base_url=URL, api_key=KEY), [read_note], system_prompt="You help.")
content = PROMPT
if TASK == "image":
    content = [{"type": "text", "text": PROMPT}, {"type": "image_url", "image_url": {"url": data_url()}}]
for step in agent.stream({"messages": [{"role": "user", "content": content}]}, stream_mode="values"):
    last = step["messages"][-1]
print(last.content)
