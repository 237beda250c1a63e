import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

describe('npm run check', () => {
  let house: string;

  /** What the import rules say of a house with just these files, each importing the others named. */
  const cruise = async (files: Record<string, string[]>) => {
    await rm(join(house, 'src'), { recursive: true, force: true });
    for (const [file, imports] of Object.entries(files)) {
      await mkdir(dirname(join(house, file)), { recursive: true });
      const lines = imports.map(
        (path, index) => `import { one as x${index} } from '${path}';\nexport const y${index} = x${index};`,
      );
      await writeFile(join(house, file), `${lines.join('\n')}\nexport const one = 1;\n`);
    }
    return new Promise<string>((done) => {
      const depcruise = join(house, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
      execFile(
        process.execPath,
        [depcruise, 'src', '--config', '.dependency-cruiser.cjs'],
        { cwd: house, env: {} },
        (_, out) => done(out),
      );
    });
  };

  beforeAll(async () => {
    house = await mkdtemp(join(tmpdir(), 'berth-house-'));
    for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json']) await cp(file, join(house, file));
    await symlink(resolve('node_modules'), join(house, 'node_modules'));
  });

  afterAll(() => rm(house, { recursive: true, force: true }));

  it.each([
    ['domain-is-pure', { 'src/domain/a.ts': ['../store/b.js'], 'src/store/b.ts': [] }],
    ['domain-is-pure', { 'src/domain/a.ts': ['node:fs'] }],
    ['store', { 'src/store/a.ts': ['../broker/b.js'], 'src/broker/b.ts': [] }],
    ['broker', { 'src/broker/a.ts': ['../drivers/docker-host/b.js'], 'src/drivers/docker-host/b.ts': [] }],
    [
      'driver-folders-are-apart',
      { 'src/drivers/ssh-host/a.ts': ['../docker-host/b.js'], 'src/drivers/docker-host/b.ts': [] },
    ],
    ['http', { 'src/http/a.ts': ['../store/b.js'], 'src/store/b.ts': [] }],
    ['cli', { 'src/cli/a.ts': ['../broker/b.js'], 'src/broker/b.ts': [] }],
    ['only-main-wires', { 'src/http/a.ts': ['../app.module.js'], 'src/app.module.ts': [] }],
    ['no-cycles', { 'src/broker/a.ts': ['./b.js'], 'src/broker/b.ts': ['./a.js'] }],
  ])('fails by the rule %s on a forbidden import', async (rule, files) => {
    expect(await cruise(files)).toContain(`error ${rule}:`);
  });

  it('passes what the architecture allows', async () => {
    const files = {
      'src/http/a.ts': ['../broker/b.js'],
      'src/broker/b.ts': ['../store/c.js'],
      'src/store/c.ts': ['../domain/d.js'],
      'src/domain/d.ts': [],
    };
    expect(await cruise(files)).toContain('no dependency violations found');
  });
});
