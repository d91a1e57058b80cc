// The engine: tensors, compiled functions, state, random numbers.
export { engineInfo, engineName, type EngineInfo } from './backend.js';
export { compile, type Compiled, type CompileOptions } from './compile.js';
export {
  currentDevice,
  setDevice,
  withDevice,
  type DeviceChoice,
  type DeviceInfo,
  type DeviceName,
  type DeviceOptions,
} from './device.js';
export { mesh, partsOf, stageDevices, type MeshName, type MeshOptions, type Part } from './mesh/mesh.js';
export { sharded, type AxisCut, type Sharding } from './mesh/sharding.js';
export { constrain } from './mesh/constrain.js';
export type { GridAxis, GridChoices, GridSizes, ShardAxis } from './mesh/grid.js';
export type { Collective } from './pjrt/collectives.js';
export { installCpuPlugin } from './pjrt/plugin.js';
export type { Explanation } from './explain.js';
export { Cell, cell, type CellOptions } from './cell.js';
export { valueAndGrads, readTree } from './value-and-grads.js';
export { flatten, mapTree, treeEntries, unflatten, type Tree } from './tree.js';
export { remat } from './remat.js';
export { whileLoop } from './control.js';
export { scan } from './scan.js';
export { sumPieces, type PieceSum } from './sum-pieces.js';
export { call } from './call.js';
export { groupOfOne, type Group, type Reduction } from './group.js';
export { joinGroup, type JoinOptions } from './collectives/join-group.js';
export { slurmMembership } from './collectives/slurm.js';
export type { Membership } from './collectives/membership.js';
export type { Timeouts } from './collectives/hub.js';
export { loadSavedModel, type SavedModel, type SavedModelOptions, type SavedModelTensor } from './saved-model.js';
export { withPrecision, type Precision } from './precision.js';
export { stopGradient } from './gradients/stop-gradient.js';
export { roll } from './gradients/roll.js';
export { fold, key, permutation, split, uniformNumbers, type Key } from './key.js';
export { bernoulli, categorical, foldTensor, normal, truncatedNormal, uniform, type TensorKey } from './random.js';
export * from './stablehlo/index.js';
