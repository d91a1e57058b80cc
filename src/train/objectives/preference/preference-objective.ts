import type { Json } from '../../../files.js';
import type { Loss } from '../../loss.js';
import type { TokenPredictor } from '../token-predictor.js';

/** A frozen model: its weights are constants of the step, and have no gradient. */
export interface ReferenceModel<Weights = unknown> {
  readonly architecture: TokenPredictor<Weights>;
  readonly weights: Weights;
}

/** Any frozen model, whatever its weights are. */
export type Reference = { readonly architecture: TokenPredictor<never>; readonly weights: unknown };

/** What is learned of preferences, as a loss of any model that predicts tokens. */
export interface PreferenceObjective<B> {
  /** `reference` is what the policy is compared with, where the objective has none of its own. */
  <Weights>(model: TokenPredictor<Weights>, reference?: Reference): Loss<Weights, B>;
  /** Whether it compares, and has no reference of its own. Where it is not said, it does not. */
  readonly lacksReference?: boolean;
  /** Its name and numbers: checkpoints of a run with others are refused. */
  readonly identity?: Json;
}
