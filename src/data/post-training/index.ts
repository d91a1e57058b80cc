// Data sets of post-training: files → rows that were checked one by one.
export { readInstructions, instructionTurns } from './instructions.js';
export type { InstructionContent, InstructionOptions, InstructionRow } from './instructions.js';
export { readConversations } from './conversations.js';
export type { ConversationContent, ConversationOptions, ConversationRow } from './conversations.js';
export { readPreferences } from './preferences.js';
export type { PreferenceContent, PreferenceOptions, PreferenceRow } from './preferences.js';
export { readFeedback } from './feedback.js';
export type { FeedbackContent, FeedbackOptions, FeedbackRow } from './feedback.js';
export { readProblems } from './problems.js';
export type { ProblemContent, ProblemOptions, ProblemRow } from './problems.js';
export { statedAnswer, type ExactAnswer } from './stated-answer.js';
export type { PostTrainingData, RowOptions, RowOrigin } from './read-rows.js';
export type { Fault, FaultKind, PlacedFault } from './fault.js';
export { RowReport } from './row-report.js';
export type { ChatRole, ChatTurn } from './turns.js';
export { splitByPrompt, type SplitRows } from './split-by-prompt.js';
export { curriculum } from './curriculum.js';
export { numCharacters, promptText, type PostTrainingContent } from './prompt.js';
