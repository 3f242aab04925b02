from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from given import KEY, MODEL, PROMPT, TASK, URL, read_note

llm = LLM(model=f"openai/{MODEL}", base_url=URL, api_key=KEY, stream=TASK == "chat")
tools = [tool("read_note")(read_note)] if TASK == "tools" else []
agent = Agent(role="Clerk", goal="Answer questions", backstory="You are exact.", llm=llm, tools=tools)
task = Task(description=PROMPT, expected_output="One line", agent=agent)
print(Crew(agents=[agent], tasks=[task]).kickoff())
