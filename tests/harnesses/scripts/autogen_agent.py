import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import MultiModalMessage
from autogen_core import Image
from autogen_core.models import ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient
from given import KEY, MODEL, PICTURE, PROMPT, TASK, URL, read_note

can = ModelInfo(vision=True, function_calling=True, json_output=True, family="unknown", structured_output=True)
client = OpenAIChatCompletionClient(model=MODEL, base_url=URL, api_key=KEY, model_info=can)
tools = {"tools": [read_note], "reflect_on_tool_use": True} if TASK == "tools" else {}
agent = AssistantAgent("clerk", model_client=client, model_client_stream=TASK == "chat", **tools)
task = MultiModalMessage(content=[PROMPT, Image.from_file(PICTURE)], source="user") if TASK == "image" else PROMPT
print(asyncio.run(agent.run(task=task)).messages[-1].content)
