import OpenAI from 'openai';
import {key, model, parameters, picture, prompt, readNote, task, url} from './given.mjs';

const client = new OpenAI({baseURL: url, apiKey: key});
let content = prompt;
if (task === 'image') {
  const data = 'data:image/png;base64,' + picture.toString('base64');
  content = [{type: 'text', text: prompt}, {type: 'image_url', image_url: {url: data}}];
}
const messages = [{role: 'user', content}];
if (task === 'tools') {
  const tool = {name: 'read_note', description: 'Read a file.', parameters, parse: JSON.parse, function: readNote};
  const runner = client.chat.completions.runTools({model, messages, tools: [{type: 'function', function: tool}]});
  console.log(await runner.finalContent());
} else {
  for await (const chunk of await client.chat.completions.create({model, messages, stream: true}))
    process.stdout.write(chunk.choices[0]?.delta?.content ?? '');
}
