import {createOpenAICompatible} from '@ai-sdk/openai-compatible';
import {generateText, stepCountIs, streamText, tool} from 'ai';
import {z} from 'zod';
import {key, model, picture, prompt, readNote, task, url} from './given.mjs';

const signalbox = createOpenAICompatible({name: 'signalbox', baseURL: url, apiKey: key, includeUsage: true});
const content = [{type: 'text', text: prompt}];
if (task === 'image') content.push({type: 'file', mediaType: 'image/png', data: picture});
const read_note = tool({description: 'Read a file.', inputSchema: z.object({path: z.string()}), execute: readNote});
const asked = {
  model: signalbox(model),
  messages: [{role: 'user', content}],
  ...(task === 'tools' ? {tools: {read_note}, stopWhen: stepCountIs(3)} : {}),
};
if (task === 'chat') {
  const answer = streamText({...asked, onError: ({error}) => { throw error; }});
  for await (const piece of answer.textStream) process.stdout.write(piece);
} else {
  console.log((await generateText(asked)).text);
}
