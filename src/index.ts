/**
 * trainbook's vocabulary, in the order of the pipeline: text → documents → tokens → model → training → scores → a run and its
 * report. Tensors are TensorFlow.js tensors; importing this file makes libtensorflow their backend.
 *
 * @packageDocumentation
 */

import { showLastValues } from './report/last-value.js';

// The engine: tensors, compiled functions, state, random numbers.
export * from './engine/index.js';

// Data: files → documents, with a ledger of every document's fate.
export * from './data/read/index.js';
export * from './data/write/index.js';
export type { Document } from './data/document.js';
export type { Corpus, SplitCorpus } from './data/corpus.js';
export type { Pipeline } from './data/pipeline.js';
export type { Dropped, Kept, Step, Verdict } from './data/step.js';
export { localStep, type LocalStep } from './data/local-step.js';
export { jointStep, type Acts, type JointStep, type Numbered } from './data/joint-step.js';
export type { Rows } from './data/rows.js';
export * from './data/clean/index.js';
export * from './data/perplexity/index.js';
export * from './data/deduplicate/index.js';
export * from './data/mix/index.js';
export * from './data/privacy/index.js';
export { fraction, splitDocuments } from './data/split.js';
export * from './data/augment/index.js';
export * from './data/ledger/index.js';
export * from './data/audit/index.js';
export * from './data/scale/index.js';
export * from './data/post-training/index.js';

// Tables: CSV → rows to train on and rows to test on → numbers.
export * from './data/table/index.js';

// Images: files → pixels with their classes → another view of each, each time.
export * from './data/image/index.js';
export * from './data/audio/index.js';

// Tokens: documents → batches.
export { bpeOptions, trainBpe, type BpeOptions } from './tokens/train-bpe.js';
export { trainWordPiece, wordPieceOptions, type WordPieceOptions } from './tokens/train-word-piece.js';
export { trainUnigram, unigramOptions, type UnigramOptions } from './tokens/train-unigram.js';
export { characterTokenizer } from './tokens/characters.js';
export type { EncodeOptions, Framed, Tokenizer } from './tokens/tokenizer.js';
export { piecesText, tokenPieces, type TokenPiece, type TokenPieces } from './tokens/token-pieces.js';
export { loadTokenizer } from './tokens/load-tokenizer.js';
export { saveTokenizer } from './tokens/tokenizer-codec.js';
export { parseTokenizer, type TokenizerOptions } from './tokens/parse-tokenizer.js';
export { gpt2Files, readGpt2Files, type Gpt2Files } from './tokens/gpt2-files.js';
export { readVocabTxt, vocabTxt, type BertText } from './tokens/vocab-txt.js';
export { readSentencePiece, sentencePieceModel } from './tokens/sentencepiece.js';
export { readTiktoken, type TiktokenOptions } from './tokens/tiktoken.js';
export { ggufTokenizer } from './tokens/gguf-tokenizer.js';
export { llama3Words, qwenWords } from './tokens/word-patterns.js';
export { concatenate, pack, type Packed, type Packing, type PackOptions } from './tokens/pack.js';
export { documentsOfRow, type RowDocuments } from './tokens/row-documents.js';
export {
  batchesOf,
  type DocumentBatch,
  type DocumentBatches,
  type DocumentBatchesOptions,
} from './tokens/document-batches.js';
export {
  packExamples,
  type PackedExamples,
  type PackExamplesOptions,
  type TokenExample,
} from './tokens/pack-examples.js';
export { packedParts, packingFigure, type PackedPart } from './tokens/packing-figure.js';
export { pad, type Padded, type PadOptions } from './tokens/pad.js';
export { bucket, type BucketOptions } from './tokens/bucket.js';
export { maskTokens, type MaskedTokens, type MaskTokensOptions } from './tokens/mask-tokens.js';
export { sentencePairs, type SentencePair, type SentencePairsOptions } from './tokens/sentence-pairs.js';
export {
  loader,
  windows,
  type Batch,
  type Cursor,
  type Loader,
  type LoaderOptions,
  type Reader,
} from './tokens/loader.js';
export {
  tableBatches,
  tableLoader,
  type TableBatch,
  type TableLoaderOptions,
  type TableTargets,
} from './tokens/table-loader.js';
export type { Texts, TextSizes, TokenText } from './tokens/texts.js';
export {
  maskedInOrder,
  maskedLoader,
  maskedPairLoader,
  maskedPairsInOrder,
  type MaskedBatch,
  type MaskedPairBatch,
  type MaskingOptions,
} from './tokens/masked-loader.js';
export {
  taggedTextLoader,
  textLoader,
  type TaggedBatch,
  type TaggedText,
  type TextBatch,
} from './tokens/text-loader.js';
export * from './tokens/sequences/index.js';
export { textPairLoader, type TextPair, type TextPairBatch } from './tokens/text-pairs.js';
export * from './tokens/preference/index.js';
export * from './tokens/image-loader.js';
export { mixedLoader, type LoadersByName } from './tokens/mixed-loader.js';
export * from './tokens/paired-loader.js';
export { interleavedLoader, type InterleavedKind } from './tokens/interleaved-loader.js';
export { writeShards, type WriteShardsOptions } from './tokens/write-shards.js';
export { openShards, type OpenShardsOptions, type Shards } from './tokens/open-shards.js';
export { shardLoader, type ShardLoaderOptions } from './tokens/shard-loader.js';

// Chats: one template gives the text, the tokens with their loss mask, the prompt and the stop token.
export {
  chatTemplate,
  isChatTemplate,
  special,
  type AnswerPieces,
  type ChatDefinition,
  type ChatTemplate,
  type Order,
  type Piece,
  type Role,
  type Special,
  type TurnPieces,
  type TurnsOf,
} from './tokens/chat-template.js';
export {
  alpaca,
  chatMl,
  llama3Chat,
  llama31Chat,
  plainFields,
  qwen2Chat,
  qwen25Chat,
  smolLm2Chat,
  type InstructionInputOutput,
  type SystemUserAssistant,
} from './tokens/chat-templates.js';
export {
  conversation,
  parseConversation,
  parseFields,
  parseQuestion,
  question,
  type Conversation,
  type Question,
  type Turn,
} from './tokens/conversation.js';
export { conversationOf, type AnsweredRow } from './tokens/conversation-of.js';
export { chatText, promptText } from './tokens/render.js';
export { bind, isChat, type Chat, type ChatExample, type CountedAnswers } from './tokens/chat.js';
export { checkTemplate, templateOfJinja } from './tokens/check-template.js';
export { readJinja, type JinjaTemplate } from './tokens/jinja.js';
export { marked, markedTemplate, terminalText, type MarkedText, type Segment } from './tokens/marked-text.js';

// Models: values and functions that take them apart.
export { decoder, type Decoder, type ForwardOptions, type LayerAttention } from './model/decoder.js';
export { baseSizes, sizesOfDepth, type DepthSizes } from './model/depth.js';
export { blockMixing } from './model/block-mixing.js';
export { mixing, type Mixing, type Visibility } from './model/mixing.js';
export { gpt2, gpt2Sizes } from './model/gpt2.js';
export { opt, optSizes } from './model/opt.js';
export { glm, glmOptions, glmSizes } from './model/glm.js';
export { llama, llamaSizes } from './model/llama.js';
export { qwen2, qwen2Sizes, qwen3, qwen3Sizes } from './model/qwen.js';
export * from './model/sparse.js';
export { decoderOptions, type DecoderConfig, type DecoderOptions } from './model/decoder-options.js';
export { loadModel, saveModel, weightHash, type Model } from './model/model.js';
export { encoder, type Encoder, type EncoderForwardOptions } from './model/encoder.js';
export { encoderOptions, type EncoderConfig, type EncoderOptions } from './model/encoder-options.js';
export { bert, bertSizes } from './model/bert.js';
export { roberta, robertaSizes } from './model/roberta.js';
export { loadEncoder, saveEncoder, type EncoderModel } from './model/encoder-model.js';
export * from './model/encoder-decoder/index.js';
export * from './model/retention/index.js';
export { embedTexts, type EmbedTextsOptions, type TextEmbeddings } from './model/embed-texts.js';
export type { EncoderWeights } from './model/encoder-specs.js';
export { mlpClassifier, mlpClassifierOptions, type MlpClassifier } from './model/mlp-classifier.js';
export type { MlpClassifierOptions, MlpClassifierWeights } from './model/mlp-classifier.js';
export { loadMlpClassifier, saveMlpClassifier, type MlpClassifierModel } from './model/mlp-classifier-files.js';
export { loadWeights, saveWeights } from './model/tree-weights.js';
export { describeArchitecture, type Described } from './model/describe.js';
export { parameterFigure } from './model/parameter-figure.js';
export * from './model/vision/index.js';
export * from './model/modalities/index.js';

// Heads: what is made of the hidden states of an encoder or a decoder.
export type { Head, HeadReading, HeadWeights, Trunk } from './model/heads/head.js';
export {
  withHead,
  withHeads,
  type HeadedOptions,
  type WithHead,
  type WithHeads,
  type WithHeadsWeights,
  type WithHeadWeights,
} from './model/heads/with-head.js';
export type { Attached, EncoderHeads } from './model/heads/encoder-heads.js';
export { firstToken, lastToken, meanOfTokens, type Pooling } from './model/heads/pooling.js';
export { maskedLanguageModel, type MaskedLanguageModel } from './model/heads/masked-language-model.js';
export { nextSentence } from './model/heads/next-sentence.js';
export { pooler, type Pooler } from './model/heads/pooler.js';
export { sequenceClassification, type SequenceClassification } from './model/heads/sequence-classification.js';
export { tokenClassification, type TokenClassification } from './model/heads/token-classification.js';
export { sentenceEmbedding } from './model/heads/sentence-embedding.js';
export { textEmbedder, type TextEmbedder } from './model/heads/text-embedder.js';
export {
  rewardModel,
  rewardModelOptions,
  type RewardArchitecture,
  type RewardModel,
  type RewardModelOptions,
} from './model/reward-model.js';
export { loadRewardModel, saveRewardModel } from './model/reward-model-files.js';
export { rewardJudge, textScorer, type AnswerSample, type RewardJudge, type TextReward } from './model/score-texts.js';

export { loadGgufModel } from './model/gguf-model.js';
export { saveGguf, type SaveGgufOptions } from './model/save-gguf.js';
export { readGeneration, type Generation } from './model/generation-config.js';
export { modelFolder, publishedModels, type PublishedModel } from './model/published.js';
export { choiceOptions, greedy, type Choice, type ChoiceOptions } from './model/choice.js';
export { sampleOptions } from './model/sample-options.js';
export { sample, type Sample, type SampleOptions } from './model/sample.js';
export { answer, stream, type StreamOptions, type StreamSummary, type TextStream } from './model/stream.js';
export { beamSearch, beamSearchOptions, type BeamSearchOptions, type BeamText } from './model/beam-search.js';
export { tokenScorer, type TokenScorer } from './model/log-probabilities.js';
export { writeAnswers } from './model/write-answers.js';
export { writeBlanks, type BlankMarks } from './model/write-blanks.js';
export { takeLayers } from './model/take-layers.js';
export { startDecoding, type Decoding } from './model/decoding.js';
export { tokenChooser, type TokenChooser } from './model/choose-token.js';
export { decoderPolicy, loraPolicy, type Policy } from './model/policy.js';
export { startRollouts, type Rollout, type RolloutPlan, type Rollouts } from './model/rollout.js';
export { generate, type Finish, type Generated, type GenerateOptions } from './model/generate.js';
export type { DecoderWeights } from './model/weights.js';
export { shardings, type Shardings } from './model/shardings.js';
export {
  decoderStages,
  mlpStages,
  type PipelineStage,
  type StageReading,
  type Stages,
  type TiedPaths,
} from './model/stages.js';

// Adapters: few numbers trained beside a model, and PEFT's folders of them.
export * from './model/adapters.js';

// Training: what is learned, how, and how long.
export { train, trainOnPolicy } from './train/train.js';
export type { OnPolicyOptions, Trainable, TrainingLength, TrainModelOptions } from './train/train.js';
export type { InStages } from './train/start-part.js';
export { trainProgressively, type Phase, type ProgressiveOptions } from './train/growth/progressive.js';
export { growInTurn, type Grow, type Grown, type GrowState } from './train/growth/growth.js';
export { growContext } from './train/growth/grow-context.js';
export { growResolution } from './train/growth/grow-resolution.js';
export { stackLayers } from './train/growth/stack-layers.js';
export { expandBlocks } from './train/growth/expand-blocks.js';
export { pretrain, type PretrainOptions } from './train/pretrain.js';
export * from './train/recipes/index.js';
export * from './train/outer/index.js';
export { decoderFiles } from './train/checkpoints/decoder-files.js';
export type { Preparation } from './train/feed.js';
export { planOptions, type Plan, type PlanOptions } from './train/plan.js';
export { recipeOptions, trainOptions, type RecipeNumbers, type TrainOptions } from './train/train-options.js';
export type { Computing, Loss, Objective, PartSums, RowTensors } from './train/loss.js';
export { causalLanguageModel } from './train/objectives/causal-language-model.js';
export { maskedLanguageModelling } from './train/objectives/masked-language-modelling.js';
export { bertPretraining, type BertModel } from './train/objectives/bert-pretraining.js';
export { classification, type ClassificationOptions } from './train/objectives/classification.js';
export { imageClassification, type ImageClassificationOptions } from './train/objectives/image-classification.js';
export { regression, type RegressionOptions } from './train/objectives/regression.js';
export { contrastive, type ContrastiveOptions, type Embedder } from './train/objectives/contrastive.js';
export { sequenceToSequence, type SequencePredictor } from './train/objectives/sequence-to-sequence.js';
export { languageAfter } from './train/objectives/language-after.js';
export { mixture, type Weighted } from './train/objectives/mixture.js';
export * from './train/objectives/preference/index.js';
export * from './train/objectives/distillation/index.js';
export { balanceLoss, routerZLoss, type ExpertLossSettings } from './train/objectives/expert-balance.js';
export type { LabelledRows, RowReader } from './train/objectives/labelled-rows.js';
export type { TokenLossSettings, TokenPredictor } from './train/objectives/token-predictor.js';
export {
  crossEntropy,
  tokenLosses,
  zLosses,
  type Targets,
  type TokenLossOptions,
} from './train/objectives/cross-entropy.js';
export * from './train/reinforce/index.js';
export { measureLoss, type MeasuredLoss } from './train/held-out.js';
export * from './train/pipeline/index.js';
export { startTraining, type StepResult, type Training, type TrainingOptions } from './train/step.js';
export { dynamicLossScale, type LossScale, type LossScaleOptions } from './train/loss-scale.js';
export type { OnTrainEvent, TrainEvent } from './train/event.js';
export type { GroupNorms, Statistics } from './train/statistics.js';
export { startEnergyMeter, type Energy, type EnergyMeter, type EnergyOptions } from './train/energy.js';
export { interruptible, type Interruptible } from './train/interrupt.js';
export { reportTo } from './train/report-to.js';
export type { ModelFiles } from './train/checkpoints/checkpoint.js';
export type { FileHashes, ShardOptions } from './model/files/sharded.js';
export { treeFiles } from './train/checkpoints/tree-files.js';
export { estimateSeconds } from './train/forecast/estimate.js';
export * from './train/optimizers/index.js';
export { forecast, type Forecast, type ForecastOptions, type ForecastRow } from './train/forecast/forecast.js';
export { trainingMemory, type TrainingMemory, type TrainingMemoryOptions } from './train/forecast/training-memory.js';
export { measurePlan, type MeasuredPlan, type StepPlan } from './train/forecast/measure-plan.js';
export { fitPlan, type FitOptions, type FittedPlan, type MemorySettings } from './train/forecast/fit-plan.js';
export { deviceKinds, networks, type DeviceKind, type Link } from './train/forecast/device-kinds.js';
export { meshMemory, type MeshMemory, type MeshMemoryOptions } from './train/forecast/mesh-memory.js';
export { planMesh, type MeshPlan, type MeshPlanOptions } from './train/forecast/mesh-plan.js';
export { meshPlanRows, type MeshPlanRow } from './train/forecast/mesh-plan-rows.js';
export { optimizerStateSize, type StateFormat } from './train/forecast/optimizer-state.js';
export { stepFlops, stepWork, type Planned } from './train/forecast/step-flops.js';
export { scaling, scalingFigure, type Cluster, type ScalingRow } from './train/forecast/scaling.js';
export { checkpointInterval, expectedTime, trainingCost, type Prices } from './train/forecast/cost-of-training.js';

// Learning rates.
export {
  findLearningRate,
  learningRateFigure,
  type FindLearningRateOptions,
  type LearningRateSearch,
} from './train/schedules/learning-rate-finder.js';
export { constant, warmupCosine, warmupLinear, type Schedule, type WarmupDecay } from './train/schedules/schedule.js';
export { perEpoch, stepDecay, type StepDecay } from './train/schedules/step-decay.js';
export { warmupStableDecay, type WarmupStableDecay } from './train/schedules/warmup-stable-decay.js';

// Evaluation.
export { evaluate, type Score } from './evaluate/bits-per-byte.js';
export { decoderScorer, type DecoderScored, type DecoderScorerOptions } from './evaluate/decoder-scorer.js';
export { earlyExitCurve, type EarlyExitCurveOptions, type ExitPoint } from './evaluate/early-exit-curve.js';
export { lossAgainstFlops, type LossAgainstFlops } from './evaluate/loss-against-flops.js';
export { expertRouting, type ExpertRouting } from './evaluate/expert-routing.js';
export { predict, type Predictions, type RowClassifier } from './evaluate/predict.js';
export { predictImages, type ImagePredictor, type PredictImagesOptions } from './evaluate/predict-images.js';
export * from './evaluate/vision/index.js';
export { accuracy } from './evaluate/accuracy.js';
export { confusionMatrix, type ConfusionMatrix } from './evaluate/confusion-matrix.js';
export {
  precisionRecallF1,
  type ClassificationReport,
  type PrecisionRecallF1,
  type PrecisionRecallF1Options,
} from './evaluate/precision-recall-f1.js';
export { rocAuc } from './evaluate/roc-auc.js';
export { rankingAccuracy, type RankingAccuracy } from './evaluate/ranking-accuracy.js';
export { lengthBias, lengthBiasFigure, type LengthBias } from './evaluate/length-bias.js';
export { calibration, calibrationFigure, type Calibration } from './evaluate/calibration.js';
export { judgePairs, type ScoredPair } from './evaluate/scored-pairs.js';
export { mcNemar, type McNemar } from './evaluate/mcnemar.js';
export { meanAbsoluteError, meanSquaredError, rSquared } from './evaluate/regression-errors.js';
export type { Label } from './evaluate/pairs.js';
export { answerAll, type AnswerAllOptions, type WrittenAnswer } from './evaluate/answer-all.js';
export { exactMatch, type AnswerOptions } from './evaluate/exact-match.js';
export { tokenF1 } from './evaluate/token-f1.js';
export { rouge, type Rouge } from './evaluate/rouge.js';
export { formatRate } from './evaluate/format-rate.js';
export { dialogueLoss, type DialogueLossOptions, type DialogueScore } from './evaluate/dialogue-loss.js';

// Serving: a model from wherever it lies, with its tokenizer and chat template.
export { loadPretrained, type Pretrained } from './serve/pretrained.js';
export { savePretrained } from './serve/save-pretrained.js';
export { startAnswering, type Answer, type Answering, type AnsweringOptions } from './serve/answering.js';
export { startDialogue, type Dialogue } from './serve/dialogue.js';

// Experiments and runs.
export { experiment, type Experiment, type Stage, type StageOptions } from './experiment/experiment.js';
export { planRun, runExperiment, type Run, type RunOptions, type RunRange } from './experiment/run.js';
export type { PlannedStage, RunEvent } from './experiment/event.js';
export * from './experiment/ablations/index.js';
export * from './experiment/sinks/index.js';
export * from './experiment/reproduce/index.js';

// Reports.
export { readReport, writeReport, type ReportOptions } from './report/write-report.js';

export { TrainbookError, type ErrorParts } from './error.js';
export type { OnProgress, Progress } from './progress.js';
export type { Figure, Summary, Table } from './figure.js';

showLastValues();
