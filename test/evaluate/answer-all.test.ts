import { expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs';
import { answerAll } from '../../src/evaluate/answer-all.js';
import { dialogueLoss } from '../../src/evaluate/dialogue-loss.js';
import { chatMl } from '../../src/tokens/chat-templates.js';
import { parseQuestion } from '../../src/tokens/conversation.js';
import { capitals, chat, said, smallModel } from '../train/recipes/small-chat.js';

const model = smallModel();
const questions = capitals.map((turns) => parseQuestion(chatMl, turns.slice(0, 1)));

it('answers are those of the likeliest tokens, the last batch of them filled up', async () => {
  const done: number[] = [];
  const answers = await answerAll(model, chat, questions, {
    maxTokens: 3,
    batchSize: 4,
    progress: ({ done: number }) => done.push(number),
  });
  expect(done).toEqual([4, 6]);
  expect(answers).toHaveLength(6);
  // By hand: the highest logit after the prompt, three times.
  for (const index of [0, 5]) {
    const tokens = [...chat.prompt(parseQuestion(chatMl, capitals[index]?.slice(0, 1)))];
    const written: number[] = [];
    while (written.length < 3 && !chat.stops.includes(written.at(-1) ?? -1)) {
      const input = tf.tensor2d([...tokens, ...written], [1, tokens.length + written.length], 'int32');
      const logits = model.architecture.forward(model.weights, input).arraySync();
      const last = logits[0]?.at(-1) ?? [];
      written.push(last.indexOf(Math.max(...last)));
    }
    const ended = chat.stops.includes(written.at(-1) ?? -1);
    expect(answers[index]).toEqual({ text: chat.tokenizer.decode(ended ? written.slice(0, -1) : written), ended });
  }
  await expect(answerAll(model, chat, questions, { maxTokens: 80 })).rejects.toThrow('leaves no room');
});

it('the loss of dialogues is the mean over the tokens of answers alone', async () => {
  const rows = capitals.slice(0, 2);
  let [nats, count] = [0, 0];
  for (const row of rows) {
    const { tokens, counted } = chat.example(row);
    const input = tf.tensor2d(tokens.slice(0, -1), [1, tokens.length - 1], 'int32');
    const logits = tf.squeeze<tf.Tensor2D>(model.architecture.forward(model.weights, input), [0]);
    const losses = tf.neg(tf.logSoftmax(logits)).arraySync();
    counted.forEach((flag, place) => {
      if (flag === 0) return;
      nats += losses[place - 1]?.[tokens[place] ?? 0] ?? NaN;
      count++;
    });
  }
  const score = await dialogueLoss(model, chat, rows);
  expect(score.tokens).toBe(count);
  expect(score.nats).toBeCloseTo(nats / count, 5);
  expect(score.perplexity).toBeCloseTo(Math.exp(nats / count), 2);
  await expect(dialogueLoss(model, chat, [said('a '.repeat(90), 'b')])).rejects.toThrow('does not fit into a row');
});
