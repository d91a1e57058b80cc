import { TrainbookError } from '../../error.js';
import type { Decoder } from '../../model/decoder.js';
import type { Chat } from '../../tokens/chat.js';

/** Tables are padded to a round number of rows; of published ones the most by 2% (Phi-2: 50,295 tokens, 51,200 rows). */
const mostUnused = 0.1;

/**
 * Checks that a chat is one of the model's: each of its tokens has an embedding, and its tokenizer is not that of another model.
 *
 * @param name what errors begin with
 * @throws TrainbookError that names the special tokens without an embedding, or both sizes.
 */
export function checkChat(
  name: string,
  { config }: Pick<Decoder, 'config'>,
  { tokenizer, template }: Pick<Chat, 'tokenizer' | 'template'>,
): void {
  const { vocabularySize } = config;
  const { size, special } = tokenizer;
  const homeless = [...special].filter(([, id]) => id >= vocabularySize);
  if (homeless.length > 0) {
    throw new TrainbookError({
      what: `${name}: the model has no embeddings for special tokens of the chat’s tokenizer`,
      received: homeless.map(([text, id]) => `${text} (${id})`).join(', '),
      expected: `ids below ${vocabularySize}, the model’s vocabulary`,
      fix: 'make the model with vocabularySize: tokenizer.size, after the special tokens were added; or bind a template whose tokens it was trained with',
    });
  }
  if (size <= vocabularySize && size >= (1 - mostUnused) * vocabularySize) return;
  throw new TrainbookError({
    what: `${name}: the chat (${template.name}) is bound to another tokenizer than the model’s`,
    received: `a tokenizer of ${size} tokens`,
    expected: `the one of the model, whose vocabulary has ${vocabularySize}`,
    fix: 'bind the template to the tokenizer that the model was trained with',
  });
}
