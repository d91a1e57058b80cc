import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { expandGlob } from './glob.js';
import type { ReadOptions } from './options.js';

/** A large public data set as its publishers lay it out. Nothing is downloaded: `load` reads a copy of it, or of a part of it. */
export interface PublicDataset {
  readonly title: string;
  /** The files below the copy's folder. */
  readonly files: string;
  /** Format and fields; the example is a row of it. */
  readonly reading: ReadOptions;
  readonly domain?: string;
  /** Of all its documents, where they do not say it themselves. */
  readonly language?: string;
  readonly licence: string;
  /** Where it is described and had. */
  readonly page: string;
}

// {"text": "…", "id": "<urn:uuid:…>", "dump": "CC-MAIN-2024-10", "url": "…", "date": "…", "file_path": "…", "language": "en", "language_score": 0.97, "token_count": 712}
const fineweb = {
  files: '**/*.parquet',
  reading: { format: 'parquet' },
  domain: 'web',
  licence: 'ODC-By 1.0',
} as const;

/**
 * The layouts that `load` knows by name.
 *
 * @example
 * const { page, licence } = publicDatasets.fineweb_edu;
 * const web = load('fineweb_edu', { from: '/data/fineweb-edu/sample/10BT', meta: ['url', 'int_score'] });
 */
export const publicDatasets = {
  fineweb: { ...fineweb, title: 'FineWeb', page: 'https://huggingface.co/datasets/HuggingFaceFW/fineweb' },
  fineweb_edu: { ...fineweb, title: 'FineWeb-Edu', page: 'https://huggingface.co/datasets/HuggingFaceFW/fineweb-edu' },
  fineweb_2: { ...fineweb, title: 'FineWeb 2', page: 'https://huggingface.co/datasets/HuggingFaceFW/fineweb-2' },
  chinese_fineweb_edu: {
    ...fineweb,
    title: 'Chinese FineWeb Edu',
    language: 'zh',
    licence: 'Apache-2.0 and the OpenCSG community licence',
    page: 'https://huggingface.co/datasets/opencsg/chinese-fineweb-edu',
  },
  // {"text": "…", "timestamp": "2019-04-25T12:57:54Z", "url": "https://…"}
  c4: {
    title: 'C4, the cleaned Common Crawl',
    files: '**/c4-*.json.gz',
    reading: { format: 'jsonl' },
    domain: 'web',
    language: 'en',
    licence: 'ODC-By 1.0, and the terms of Common Crawl',
    page: 'https://huggingface.co/datasets/allenai/c4',
  },
  // {"id": "12", "url": "https://en.wikipedia.org/wiki/Anarchism", "title": "Anarchism", "text": "…"}
  wikipedia: {
    title: 'Wikipedia as plain text',
    files: '**/*.parquet',
    reading: { format: 'parquet' },
    domain: 'encyclopedia',
    licence: 'CC BY-SA 4.0 and GFDL',
    page: 'https://huggingface.co/datasets/wikimedia/wikipedia',
  },
  wikipedia_dump: {
    title: 'Wikipedia, dumps of its articles',
    files: '**/*-pages-articles*.xml*.bz2',
    reading: { format: 'mediawiki' },
    domain: 'encyclopedia',
    licence: 'CC BY-SA 4.0 and GFDL',
    page: 'https://dumps.wikimedia.org',
  },
  // {"text": "…", "meta": {"pile_set_name": "Pile-CC"}}
  the_pile: {
    title: 'The Pile',
    files: '**/*.jsonl.zst',
    reading: { format: 'jsonl', fields: { domain: 'meta.pile_set_name' } },
    language: 'en',
    licence: 'of each part its own',
    page: 'https://pile.eleuther.ai',
  },
  // {"text": "…", "meta": {"redpajama_set_name": "RedPajamaCommonCrawl"}}
  slimpajama: {
    title: 'SlimPajama',
    files: '**/*.jsonl.zst',
    reading: { format: 'jsonl', fields: { domain: 'meta.redpajama_set_name' } },
    language: 'en',
    licence: 'of each part its own',
    page: 'https://huggingface.co/datasets/cerebras/SlimPajama-627B',
  },
  // {"id": "…", "text": "…", "added": "…", "created": "…", "source": "common-crawl", "metadata": {…}}
  dolma: {
    title: 'Dolma',
    files: '**/*.json.gz',
    reading: { format: 'jsonl', fields: { domain: 'source' } },
    language: 'en',
    licence: 'ODC-By 1.0',
    page: 'https://huggingface.co/datasets/allenai/dolma',
  },
  // {"content": "…", "warc_headers": {"warc-target-uri": "…", …}, "metadata": {"identification": {"label": "fr", "prob": 0.89}, …}}
  oscar: {
    title: 'OSCAR 22.01 and 23.01',
    files: '**/*.jsonl.{gz,zst}',
    reading: { format: 'jsonl', fields: { text: 'content', language: 'metadata.identification.label' } },
    domain: 'web',
    licence: 'CC0 for its packaging, and the terms of Common Crawl',
    page: 'https://oscar-project.org',
  },
  // text, timestamp, url, source (mC4 or OSCAR)
  culturax: {
    title: 'CulturaX',
    files: '**/*.parquet',
    reading: { format: 'parquet' },
    domain: 'web',
    licence: 'of mC4 (ODC-By 1.0) and OSCAR (CC0)',
    page: 'https://huggingface.co/datasets/uonlp/CulturaX',
  },
  // {"text": "…"}
  skypile: {
    title: 'SkyPile-150B',
    files: '**/*.jsonl',
    reading: { format: 'jsonl' },
    domain: 'web',
    language: 'zh',
    licence: 'Skywork community licence',
    page: 'https://huggingface.co/datasets/Skywork/SkyPile-150B',
  },
  // [{"id": 1, "uniqueKey": "…", "titleUkey": "…", "dataType": "百科", "title": "…", "content": "…"}, …]
  wudao: {
    title: 'WuDaoCorpora 2.0 base, 200 GB',
    files: '**/*.json',
    reading: { format: 'json', fields: { text: 'content', domain: 'dataType' } },
    language: 'zh',
    licence: 'for research, by the agreement of its publisher',
    page: 'https://www.scidb.cn/en/detail?dataSetId=c6a3fe684227415a9db8e21bac4a15ab',
  },
  common_crawl_wet: {
    title: 'Common Crawl, the text of its pages',
    files: '**/*.warc.wet.gz',
    reading: { format: 'warc' },
    domain: 'web',
    licence: 'terms of Common Crawl',
    page: 'https://commoncrawl.org/get-started',
  },
  common_crawl_warc: {
    title: 'Common Crawl, its pages as they were sent',
    files: '**/*.warc.gz',
    reading: { format: 'warc' },
    domain: 'web',
    licence: 'terms of Common Crawl',
    page: 'https://commoncrawl.org/get-started',
  },
  tinystories: {
    title: 'TinyStories',
    files: '**/TinyStories*-{train,valid}.txt',
    reading: { format: 'text' },
    domain: 'stories',
    language: 'en',
    licence: 'CDLA-Sharing 1.0',
    page: 'https://huggingface.co/datasets/roneneldan/TinyStories',
  },
  // hexsha, size, ext, lang, …, content
  the_stack: {
    title: 'The Stack',
    files: '**/*.parquet',
    reading: { format: 'parquet', fields: { text: 'content', domain: 'lang' } },
    licence: 'of each file its own, which its row names',
    page: 'https://huggingface.co/datasets/bigcode/the-stack-dedup',
  },
} as const satisfies Readonly<Record<string, PublicDataset>>;

/** The names of the public data sets that `load(name, { from })` reads. */
export const publicDatasetNames = Object.keys(publicDatasets) as readonly (keyof typeof publicDatasets)[];

export function publicDataset(name: string): PublicDataset | undefined {
  return Object.hasOwn(publicDatasets, name) ? publicDatasets[name as keyof typeof publicDatasets] : undefined;
}

/** @throws TrainbookError that says what is to be downloaded, and from where, if there is no copy. */
export async function copiedFiles(
  name: string,
  { title, files, page, licence }: PublicDataset,
  copy: string | undefined,
): Promise<readonly string[]> {
  const found = copy === undefined ? [] : await expandGlob(join(copy, files));
  if (found.length > 0) return found;
  throw new TrainbookError({
    what: copy === undefined ? `load: ${title} does not come with trainbook` : `load: there are no files of ${title}`,
    received: copy === undefined ? name : join(copy, files),
    expected: `load('${name}', { from }) with the folder of a local copy, or of a part of it: ${files}`,
    fix: `download them from ${page} (licence: ${licence})`,
  });
}
