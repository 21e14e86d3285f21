import { describe, expect, it } from 'vitest';
import { askCode, type CodeArguments } from '../../../src/cli/commands/ask-code.js';
import { codeOf } from '../../support/error-code.js';
import { fakeIo, fakeStream } from '../fake-io.js';

const ARGS: CodeArguments = { paths: ['a'], timeoutMs: 60_000 };
const TO = { host: 'backup', port: 6000 };

function terminal() {
  const io = { ...fakeIo(), stderr: fakeStream(true) };
  Object.assign(io.stdin, { isTTY: true });
  return io;
}
const ask = (io: ReturnType<typeof fakeIo>, args: Partial<CodeArguments> = {}, signal = new AbortController().signal) =>
  askCode({ ...ARGS, ...args }, io, TO, signal);

describe('on a terminal', () => {
  it('a person is asked, and what is typed is not written again', async () => {
    const io = terminal();
    const asked = ask(io);
    io.stdin.write('4821-');
    io.stdin.write('9377\nand more');
    expect(await asked).toBe('4821-9377');
    expect([io.stderr.text(), io.stdout.text()]).toEqual([
      'backup does not know this sender and asks for the code that it shows.\ncode: ',
      '',
    ]);
    expect(io.stdin.destroyed).toBe(true);
  });

  it.each(['', '\n', '  \r\n'])('%j is not taken for a code', async (typed) => {
    const io = terminal();
    const asked = ask(io);
    io.stdin.end(typed);
    expect(await codeOf(asked)).toBe('unpaired');
  });

  it('Ctrl-C ends the waiting', async () => {
    const io = terminal();
    const stop = new AbortController();
    const asked = ask(io, {}, stop.signal);
    stop.abort(new Error('Stopped by SIGINT.'));
    await expect(asked).rejects.toThrow('Stopped by SIGINT.');
    expect(io.stdin.destroyed).toBe(true);
  });

  it('nobody is asked if only the input or only the output is one', async () => {
    const noScreen = terminal();
    Object.assign(noScreen.stderr, { isTTY: false });
    const noKeyboard = terminal();
    Object.assign(noKeyboard.stdin, { isTTY: false });
    for (const io of [noScreen, noKeyboard]) {
      expect(await ask(io)).toBeUndefined();
      expect(io.stderr.text()).toBe('');
    }
  });

  it('nobody is asked if its input is the file to send', async () => {
    expect(await ask(terminal(), { paths: ['-'] })).toBeUndefined();
  });
});

describe('standard input, when it is named', () => {
  it('holds the code in its first line, and nothing is written', async () => {
    const io = fakeIo();
    io.stdin.end('4821-9377');
    expect(await ask(io, { codeFile: '-' })).toBe('4821-9377');
    expect(io.stderr.text()).toBe('');
  });

  it('is waited for no longer than --timeout', async () => {
    expect(await codeOf(ask(fakeIo(), { codeFile: '-', timeoutMs: 10 }))).toBe('unpaired');
  });

  it('is read up to a limit', async () => {
    const io = fakeIo();
    io.stdin.write('4'.repeat(1000));
    expect((await ask(io, { codeFile: '-' }))!.length).toBeLessThan(2000);
  });
});
