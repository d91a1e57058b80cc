import { describe, expect, it } from 'vitest';
import { mesh } from '../../../src/engine/mesh/mesh.js';
import { sharded } from '../../../src/engine/mesh/sharding.js';
import { meshMemory } from '../../../src/train/forecast/mesh-memory.js';
import { decoder } from '../../../src/model/decoder.js';
import { mapWeights } from '../../../src/model/weights.js';

// 12 L w² = 96 MB of float32 in matrices, a table, and 9 norms of w.
const { specs, numParameters } = decoder({
  layers: 4, width: 512, heads: 8, hidden: 1024, context: 64, vocabularySize: 4096, tiedEmbeddings: true,
}); // prettier-ignore

describe('what a training keeps on each device of a mesh', () => {
  it('is all of it on each, along data', () => {
    const whole = { weights: 4 * numParameters, gradients: 4 * numParameters, optimizer: 8 * numParameters };
    expect(meshMemory(specs, mesh({ data: 8 }))).toEqual(whole);
    expect(meshMemory(specs, mesh({}), { moments: 1 })).toEqual({ ...whole, optimizer: 4 * numParameters });
  });

  it('is less by what ZeRO shares out', () => {
    const all = 4 * numParameters;
    expect(meshMemory(specs, mesh({ data: 8, zero: 1 }))).toEqual({ weights: all, gradients: all, optimizer: all / 4 });
    expect(meshMemory(specs, mesh({ data: 8, zero: 2 }))).toEqual({
      weights: all,
      gradients: all / 8,
      optimizer: all / 4,
    });
  });

  it('is a part of all but the norms, along fsdp and tensor', () => {
    const norms = 9 * 512;
    const part = 4 * ((numParameters - norms) / 8 + norms);
    expect(meshMemory(specs, mesh({ fsdp: 8 })).weights).toBe(part);
    expect(meshMemory(specs, mesh({ fsdp: 2, tensor: 4 })).weights).toBe(part);
    expect(
      meshMemory(specs, mesh({ fsdp: 2, tensor: 4 }), { shardings: mapWeights(specs, () => sharded()) }).weights,
    ).toBe(4 * numParameters);
  });
});
