// What each script is given, in its environment, and the tool that its tasks need.
import fs from 'node:fs';

export const task = process.env.TASK;
export const prompt = process.env.PROMPT;
export const url = process.env.SIGNALBOX_URL;
export const key = 'any';
export const model = 'auto';
export const picture = fs.readFileSync('picture.png');
export const readNote = ({path}) => fs.readFileSync(path, 'utf8');
export const parameters = {type: 'object', properties: {path: {type: 'string'}}, required: ['path']};
