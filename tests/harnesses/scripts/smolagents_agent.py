from given import KEY, MODEL, PICTURE, PROMPT, TASK, URL, read_note
from smolagents import OpenAIServerModel, ToolCallingAgent, tool

agent = ToolCallingAgent(
    tools=[tool(read_note)], model=OpenAIServerModel(model_id=MODEL, api_base=URL, api_key=KEY), max_steps=4
)
pictures = None
if TASK == "image":
    from PIL import Image

    pictures = [Image.open(PICTURE)]
print("Answer:", agent.run(PROMPT, images=pictures))
