import asyncio

from given import KEY, MODEL, PICTURE, PROMPT, TASK, URL, read_note
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

agent = Agent(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=URL, api_key=KEY)), instructions="You help.")
if TASK == "tools":
    agent.tool_plain(read_note)
said = [PROMPT, BinaryContent(PICTURE.read_bytes(), media_type="image/png")] if TASK == "image" else PROMPT


async def streamed():
    async with agent.run_stream(said) as answer:
        async for piece in answer.stream_text(delta=True):
            print(piece, end="", flush=True)


if TASK == "chat":
    asyncio.run(streamed())
else:
    print(agent.run_sync(said).output)
