import { existsSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { defineCommand } from 'citty';
import { TrainbookError } from '../error.js';
import { checkName } from '../experiment/name.js';
import { writeAtomic } from '../files.js';
import { isModuleProject, projectRoot } from '../setup/project.js';
import { experimentText } from './new-template.js';

export const newExperiment = defineCommand({
  meta: { name: 'new', description: 'Write an experiment that trains a small model on your own text' },
  args: {
    name: { type: 'positional', required: true, description: 'Its name, such as my-model' },
    data: { type: 'string', required: true, valueHint: 'file or glob', description: 'Your text: .txt, .jsonl, …' },
    json: { type: 'boolean', description: 'Print the path as one JSON value' },
  },
  async run({ args }) {
    const { name, data } = args;
    checkName('experiment', name);
    const project = projectRoot();
    const path = join(project, 'experiments', `${name}.${isModuleProject(project) ? 'ts' : 'mts'}`);
    if (existsSync(path)) {
      throw new TrainbookError({
        what: 'new: the experiment exists already',
        received: path,
        expected: 'a name that is free',
        fix: 'take another name, or edit the file',
      });
    }
    const isPattern = /[*?{[]/.test(data);
    if (!isPattern && !existsSync(data)) {
      throw new TrainbookError({
        what: 'new: there is no such data',
        received: resolve(data),
        expected: 'a text file, or a glob such as texts/*.txt',
      });
    }
    // commands run in the project's folder or below it; the file says where the data lie from the project's folder
    const source = relative(project, resolve(data)).split(sep).join('/');
    await writeAtomic(path, experimentText(name, source));
    const shown = relative(process.cwd(), path);
    process.stdout.write(
      args.json === true ? `${JSON.stringify({ path })}\n` : `wrote ${shown}\nnext: npx trainbook run ${shown}\n`,
    );
  },
});
