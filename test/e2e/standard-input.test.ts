/** Standard input that gives nothing: closed, a folder, or empty. */
import { describe, expect, it } from 'vitest';
import { readStoredNames, tempDir } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { endOf, repository, startProgram } from '../support/processes.js';

const FTX = `"${process.execPath}" "${repository}dist/cli/main.js" send - --name x --retry 0 --plain`;

describe('standard input', () => {
  it.each([
    ['that is closed', '$FTX <&-', 66, /Standard input \(-\) is closed/],
    ['that is closed, although it may be empty', '$FTX --allow-empty <&-', 66, /Standard input \(-\) is closed/],
    ['that is a folder', '$FTX </', 66, /Standard input \(-\) is a folder/],
    ['of /dev/null', '$FTX </dev/null', 66, /x: the input is empty.*--allow-empty/],
    ['of /dev/null, quietly', '$FTX --quiet </dev/null', 66, /x: the input is empty/],
    ['of a program that fails', 'false | $FTX', 66, /x: the input is empty/],
    ['that may be empty', ': | $FTX --allow-empty', 0, /stored/],
    ['of /dev/null that may be empty', '$FTX --allow-empty </dev/null', 0, /stored/],
    ['of one byte', 'printf a | $FTX', 0, /stored/],
  ])('%s: %s ends with %i', async (_, line, status, says) => {
    const receiver = await startReceiver(['--plain']);
    const command = line.replaceAll('$FTX', `${FTX} --to ${receiver.address}`);
    const exit = await endOf(startProgram('sh', ['-c', command], { cwd: await tempDir() }));
    expect(exit.status, exit.stderr).toBe(status);
    expect(exit.stderr).toMatch(says);
    expect(await readStoredNames(receiver.dir)).toEqual(status === 0 ? ['x'] : []);
  });
});
