import { chatTemplate, special } from './chat-template.js';
import type { Order } from './chat-template.js';
import { END_OF_TEXT } from './tokenizer.js';

const systemUserAssistant = {
  first: ['system', 'user'],
  next: { system: ['user'], user: ['assistant'], assistant: ['user'] },
  answer: 'assistant',
} as const satisfies Order;

/** A system prompt or none, then user and assistant in turn. */
export type SystemUserAssistant = typeof systemUserAssistant;

const instructionInputOutput = {
  first: ['instruction'],
  next: { instruction: ['input', 'output'], input: ['output'], output: [] },
  answer: 'output',
} as const satisfies Order;

/** One instruction, with or without an input, and its output. */
export type InstructionInputOutput = typeof instructionInputOutput;

const start = special('<|im_start|>');
const end = special('<|im_end|>');

/** ChatML, without a system prompt of its own. */
export const chatMl = chatTemplate({
  name: 'ChatML',
  order: systemUserAssistant,
  turns: {
    system: { before: [start, 'system\n'], after: [end, '\n'] },
    user: { before: [start, 'user\n'], after: [end, '\n'] },
  },
  answer: { before: [start, 'assistant\n'], stop: end, after: ['\n'] },
});

/** ChatML as Qwen2-Instruct has it: with a system prompt where none is given. */
export const qwen2Chat = chatTemplate({
  ...chatMl.definition,
  name: 'Qwen2',
  assumed: { role: 'system', content: 'You are a helpful assistant.' },
});

/** ChatML as Qwen2.5-Instruct has it. Its system prompt is another than Qwen2's. */
export const qwen25Chat = chatTemplate({
  ...chatMl.definition,
  name: 'Qwen2.5',
  assumed: { role: 'system', content: 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' },
});

/** ChatML as SmolLM2-Instruct has it. */
export const smolLm2Chat = chatTemplate({
  ...chatMl.definition,
  name: 'SmolLM2',
  assumed: { role: 'system', content: 'You are a helpful AI assistant named SmolLM, trained by Hugging Face' },
});

const header = (role: string) => [special('<|start_header_id|>'), role, special('<|end_header_id|>'), '\n\n'] as const;
const turnEnd = special('<|eot_id|>');

/** Llama 3 Instruct: contents without the white space around them. Dubey et al. 2024 (2407.21783). */
export const llama3Chat = chatTemplate({
  name: 'Llama 3',
  order: systemUserAssistant,
  begin: [special('<|begin_of_text|>')],
  trim: true,
  turns: {
    system: { before: header('system'), after: [turnEnd] },
    user: { before: header('user'), after: [turnEnd] },
  },
  answer: { before: header('assistant'), stop: turnEnd, after: [] },
});

/**
 * Llama 3.1 Instruct without tools: the system turn is always there and begins with two dates. That of today is the one which
 * the published template has where none is given; one that follows the clock would train and serve different prompts.
 */
export const llama31Chat = chatTemplate({
  ...llama3Chat.definition,
  name: 'Llama 3.1',
  assumed: { role: 'system', content: '' },
  turns: {
    ...llama3Chat.definition.turns,
    system: {
      before: [...header('system'), 'Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n'],
      after: [turnEnd],
    },
  },
});

const task = 'Below is an instruction that describes a task';
const request = 'Write a response that appropriately completes the request.\n\n### Instruction:\n';

/**
 * Alpaca's prompts (Taori et al. 2023), with a line feed after `### Response:`, as most of their users write them; the answer
 * ends with the end of the text.
 */
export const alpaca = chatTemplate({
  name: 'Alpaca',
  order: instructionInputOutput,
  turns: {
    instruction: {
      before: {
        input: [`${task}, paired with an input that provides further context. ${request}`],
        output: [`${task}. ${request}`],
      },
      after: ['\n\n'],
    },
    input: { before: ['### Input:\n'], after: ['\n\n'] },
  },
  answer: { before: ['### Response:\n'], stop: special(END_OF_TEXT), after: [] },
});

/** Plain fields: for small models, of which each token of a preamble takes room. */
export const plainFields = chatTemplate({
  name: 'instruction, input, output',
  order: instructionInputOutput,
  turns: {
    instruction: { before: ['Instruction:\n'], after: ['\n\n'] },
    input: { before: ['Input:\n'], after: ['\n\n'] },
  },
  answer: { before: ['Output:\n'], stop: special(END_OF_TEXT), after: [] },
});
