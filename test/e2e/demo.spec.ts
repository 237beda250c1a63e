import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { client, testEngine } from '../support/docker.js';

const DEMO = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));
/** It takes a tenth of that where nothing else runs. */
const LIMIT_MS = 200_000;

/** What its transcript shows, in this order. */
const STORY = [
  /✓ requested +lease_\w+, pending: awaiting-authorization/,
  /✓ approved +unit-tests → low-checkout, by ada; it grants low-checkout and low-host/,
  /✓ approved +low-checkout → low-host, by ada/,
  /✓ leased +res_\w+ of low-checkout, by unit-tests, fence 1/,
  /✓ exit 0 +git log --oneline/,
  /✓ exit 0 +sh build.sh/,
  /✓ exit 3 +sh test.sh/,
  /✓ timed-out +sleep 600/,
  /✓ artifacts +2 files/,
  /✓ released +lease_\w+, by unit-tests/,
  /✓ recycled +res_\w+ of low-checkout, by lint, fence 2/,
  /✓ exit 1 +cat left-behind/,
  /✓ leased +res_\w+ of high-host, by lander/,
  /✓ refused +an approval: 403 cross-tier/,
  /✓ refused +a lease: 422 impossible/,
  /Every step did what it should/,
];

function start(engine: string) {
  const env = { ...process.env, BERTH_DEMO_ENGINE: engine };
  return spawn(process.execPath, [DEMO], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function demo(engine: string) {
  const child = start(engine);
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}

/** The first line of the story that does not come after those before it. */
function missing(transcript: string): RegExp | undefined {
  let rest = transcript;
  return STORY.find((line) => {
    const [found] = line.exec(rest) ?? [];
    if (found !== undefined) rest = rest.slice(rest.indexOf(found) + found.length);
    return found === undefined;
  });
}

describe('npm run demo', () => {
  it(
    'shows the main job on this machine, where there is no engine',
    async () => {
      const { code, stdout, stderr } = await demo('none');
      expect({ code, stderr, missing: missing(stdout) }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('Isolation policy zero, for development only');
    },
    LIMIT_MS,
  );

  it(
    'takes everything away when it is interrupted',
    async () => {
      const child = start('none');
      let stdout = '';
      child.stdout.on('data', (piece: Buffer) => {
        const before = stdout;
        stdout += piece;
        // Twice, as npm and the terminal send it.
        if (!before.includes('✓ leased') && stdout.includes('✓ leased'))
          child.kill('SIGINT') && child.kill('SIGINT');
      });
      const [code] = await once(child, 'close');
      expect({ code, stdout }).toEqual({ code: 130, stdout: expect.stringContaining('Interrupted.') });
      const broker = Number(/process (\d+)/.exec(stdout)?.[1]);
      const directory = /removed +(\/\S+\/berth-demo-\w+)/.exec(stdout)?.[1] ?? '';
      expect(() => process.kill(broker, 0)).toThrow('ESRCH');
      expect(directory).not.toBe('');
      expect(existsSync(directory)).toBe(false);
    },
    LIMIT_MS,
  );
});

const engine = await testEngine();
(engine ? describe : describe.skip)('npm run demo, on a Docker engine', () => {
  it(
    'shows the main job in containers, and leaves no image behind',
    async () => {
      const { code, stdout, stderr } = await demo(engine ?? '');
      expect({ code, stderr, missing: missing(stdout) }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('Isolation policy high.');
      const image = /sha256:[0-9a-f]+/.exec(stdout)?.[0] ?? 'none';
      const images = await client(engine ?? '').listImages();
      expect(images.filter(({ Id }) => Id.startsWith(image))).toEqual([]);
    },
    LIMIT_MS,
  );
});
