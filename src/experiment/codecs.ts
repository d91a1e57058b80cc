import { corpusCodec, splitCorpusCodec } from '../data/corpus-codec.js';
import { ngramCodec } from '../data/perplexity/ngram-codec.js';
import { scoreCodec } from '../evaluate/score-codec.js';
import type { Codec } from '../files.js';
import { encoderDecoderCodec } from '../model/encoder-decoder/encoder-decoder-model.js';
import { encoderCodec } from '../model/encoder-model.js';
import { modelCodec } from '../model/model.js';
import { retnetCodec } from '../model/retention/retnet-model.js';
import { imageModelCodec } from '../model/vision/image-model.js';
import { rewardModelCodec } from '../model/reward-model-files.js';
import { samplesCodec } from '../model/samples-codec.js';
import { tokenizerCodec } from '../tokens/tokenizer-codec.js';

/** The kinds of artifacts that stages may return, besides plain values and objects that hold these. */
export const codecs: readonly Codec<unknown>[] = [
  splitCorpusCodec,
  corpusCodec,
  ngramCodec,
  tokenizerCodec,
  modelCodec,
  encoderCodec,
  encoderDecoderCodec,
  retnetCodec,
  imageModelCodec,
  rewardModelCodec,
  scoreCodec,
  samplesCodec,
];
