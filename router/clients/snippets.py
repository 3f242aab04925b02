"""Clients that are configured by lines of yours: what these are. `$url`, `$root`, `$key`, `$model` are filled in."""

from __future__ import annotations

from router.clients.contract import Client

__all__ = ["SNIPPETS"]

_OPENAI_ENV = "export OPENAI_BASE_URL=$url\nexport OPENAI_API_KEY=$key\n"

SNIPPETS = (
    Client(
        "openhands",
        "OpenHands",
        ("openhands",),
        lambda m: m.home / ".openhands",
        snippet="export LLM_MODEL=openai/$model\nexport LLM_BASE_URL=$url\nexport LLM_API_KEY=$key\n"
        "openhands --override-with-envs\n",
    ),
    Client(
        "open-webui",
        "Open WebUI",
        ("open-webui",),
        snippet="# Before its first start (later: Admin Settings, Connections; in Docker: host.docker.internal)\n"
        "export OPENAI_API_BASE_URLS=$url\nexport OPENAI_API_KEYS=$key\n",
    ),
    Client(
        "curl",
        "curl",
        ("curl",),
        snippet=(
            "curl $url/chat/completions -H 'Authorization: Bearer $key' "
            """-d '{"model": "$model", "messages": [{"role": "user", "content": "Say hello"}]}'\n"""
        ),
    ),
    Client("env", "whatever reads OPENAI_BASE_URL", snippet=_OPENAI_ENV),
    Client(
        "openai",
        "OpenAI SDK, Python",
        snippet="""\
from openai import OpenAI

client = OpenAI(base_url="$url", api_key="$key")
answer = client.chat.completions.create(model="$model", messages=[{"role": "user", "content": "Say hello"}])
print(answer.choices[0].message.content)
""",
    ),
    Client(
        "openai-node",
        "OpenAI SDK, Node",
        snippet="""\
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "$url", apiKey: "$key" });
const answer = await client.chat.completions.create({
  model: "$model", messages: [{ role: "user", content: "Say hello" }],
});
console.log(answer.choices[0].message.content);
""",
    ),
    Client(
        "anthropic",
        "Anthropic SDK, Python",
        snippet="""\
from anthropic import Anthropic

client = Anthropic(base_url="$root", api_key="$key")  # without /v1
answer = client.messages.create(model="$model", max_tokens=500, messages=[{"role": "user", "content": "Say hello"}])
print(answer.content[0].text)
""",
    ),
    Client(
        "langchain",
        "LangChain",
        snippet="""\
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="$model", base_url="$url", api_key="$key", use_responses_api=False)
print(model.invoke("Say hello").content)
""",
    ),
    Client(
        "langgraph",
        "LangGraph",
        snippet="""\
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="$model", base_url="$url", api_key="$key", use_responses_api=False)
agent = create_agent(model, tools=[])
print(agent.invoke({"messages": [{"role": "user", "content": "Say hello"}]})["messages"][-1].content)
""",
    ),
    Client(
        "crewai",
        "CrewAI",
        snippet="""\
from crewai import LLM

llm = LLM(model="openai/$model", base_url="$url", api_key="$key")
print(llm.call("Say hello"))
""",
    ),
    Client(
        "autogen",
        "AutoGen",
        snippet="""\
import asyncio

from autogen_core.models import UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient

client = OpenAIChatCompletionClient(
    model="$model", base_url="$url", api_key="$key",
    model_info={"vision": $images, "function_calling": True, "json_output": True, "structured_output": True,
                "family": "unknown"},
)
print(asyncio.run(client.create([UserMessage(content="Say hello", source="user")])).content)
""",
    ),
    Client(
        "openai-agents",
        "OpenAI Agents SDK",
        snippet="""\
from agents import Agent, Runner, set_default_openai_api, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI

set_default_openai_client(AsyncOpenAI(base_url="$url", api_key="$key"))
set_default_openai_api("chat_completions")
set_tracing_disabled(True)  # traces would go to api.openai.com
print(Runner.run_sync(Agent(name="Assistant", model="$model"), "Say hello").final_output)
""",
    ),
    Client(
        "pydantic-ai",
        "Pydantic AI",
        snippet="""\
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

agent = Agent(OpenAIChatModel("$model", provider=OpenAIProvider(base_url="$url", api_key="$key")))
print(agent.run_sync("Say hello").output)
""",
    ),
    Client(
        "litellm",
        "LiteLLM SDK",
        snippet="""\
import litellm

answer = litellm.completion(
    model="openai/$model", api_base="$url", api_key="$key", messages=[{"role": "user", "content": "Say hello"}]
)
print(answer.choices[0].message.content)
""",
    ),
    Client(
        "ai-sdk",
        "Vercel AI SDK",
        snippet="""\
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";

const signalbox = createOpenAICompatible({
  name: "signalbox", baseURL: "$url", apiKey: "$key", includeUsage: true, supportsStructuredOutputs: true,
});
const { text } = await generateText({ model: signalbox("$model"), prompt: "Say hello" });
console.log(text);
// With @ai-sdk/openai: createOpenAI({ baseURL: "$url", apiKey: "$key" }).chat("$model")
// (without .chat it asks /responses)
""",
    ),
    Client(
        "smolagents",
        "smolagents",
        snippet="""\
from smolagents import CodeAgent, OpenAIModel

agent = CodeAgent(tools=[], model=OpenAIModel(model_id="$model", api_base="$url", api_key="$key"))
print(agent.run("Say hello"))
""",
    ),
    Client(
        "dspy",
        "DSPy",
        snippet="""\
import dspy

dspy.configure(lm=dspy.LM("openai/$model", api_base="$url", api_key="$key"))
print(dspy.Predict("question -> answer")(question="Say hello").answer)
""",
    ),
    Client(
        "instructor",
        "Instructor",
        snippet="""\
import instructor
from openai import OpenAI
from pydantic import BaseModel


class Person(BaseModel):
    name: str


client = instructor.from_openai(OpenAI(base_url="$url", api_key="$key"))
messages = [{"role": "user", "content": "Ada is here"}]
print(client.chat.completions.create(model="$model", response_model=Person, messages=messages))
""",
    ),
    Client(
        "llama-index",
        "LlamaIndex",
        snippet="""\
from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(model="$model", api_base="$url", api_key="$key", is_chat_model=True, context_window=$context)
print(llm.complete("Say hello"))
""",
    ),
)
