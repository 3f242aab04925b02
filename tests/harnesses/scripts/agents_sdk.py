import asyncio

from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from given import KEY, MODEL, PROMPT, TASK, URL, data_url, read_note
from openai import AsyncOpenAI

set_default_openai_client(AsyncOpenAI(base_url=URL, api_key=KEY))
set_tracing_disabled(True)
agent = Agent(name="Clerk", instructions="You help.", tools=[function_tool(read_note)], model=MODEL)
said = PROMPT
if TASK == "image":
    picture = {"type": "input_image", "image_url": data_url(), "detail": "auto"}
    said = [{"role": "user", "content": [{"type": "input_text", "text": PROMPT}, picture]}]


async def run():
    answer = Runner.run_streamed(agent, said)
    async for _ in answer.stream_events():
        pass
    return answer.final_output


print(asyncio.run(run()))
