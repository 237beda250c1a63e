import { get } from 'node:http';
import { runBench } from './bench.js';
import { startContainers } from './containers.js';
import { alternate, type Load } from './measure.js';
import { report } from './report.js';
import { ADMIN_TOKEN } from './served.js';

const MIB = 1024 * 1024;
const SIZE_MIB = 100;
const ROUNDS = 3;
const ARGV = ['dd', 'if=/dev/zero', 'bs=64k', `count=${SIZE_MIB * 16}`, 'status=none'];

/** 100 MiB that a command writes, followed over HTTP to its end; against the engine's exec, read from its socket. */
await runBench('output', async (server) => {
  const containers = await startContainers(server, 1);
  const lease = await containers.lease();
  const container = containers.docker.getContainer(`berth-${lease.resource}`);
  await containers.run(lease.id, ['true']);
  const before = await containers.broker.usage();
  const { ours, engine } = await alternate(ROUNDS, {
    ours: () =>
      timed(async () => {
        const at = `/v1/leases/${lease.id}/commands`;
        const { id } = await containers.berth.post<{ id: string }>(at, { argv: ARGV }, 201);
        return follow(`${containers.broker.url}${at}/${id}/output?follow=true&stream=stdout`);
      }),
    engine: () =>
      timed(async () => {
        const exec = await container.exec({ Cmd: ARGV, AttachStdout: true, AttachStderr: true });
        return count(await exec.start({ hijack: true }));
      }),
  });
  const after = await containers.broker.usage();
  await containers.release(lease);
  await containers.close();

  report({
    bench: 'output',
    case: `${SIZE_MIB} MiB followed over HTTP, against the engine’s exec`,
    ours: ours.perSecond,
    reference: engine.perSecond,
    unit: 'MiB a second',
    goal: '≥ 100 MiB a second',
    met: ours.perSecond >= 100,
    latencies: ours.latencies,
  });
  const passed = (ROUNDS + 1) * SIZE_MIB;
  report({
    bench: 'output',
    case: 'processor time of the broker, for 100 MiB, against the time they take',
    ours: ((after.cpuMs - before.cpuMs) * 100) / passed,
    reference: (100 * 1000) / ours.perSecond,
    unit: 'ms',
    goal: null,
    met: null,
    latencies: [],
  });
  const grown = (after.mostResidentBytes - before.residentBytes) / MIB;
  report({
    bench: 'output',
    case: `most resident memory of the broker while ${passed} MiB pass, against before`,
    ours: after.mostResidentBytes / MIB,
    reference: before.residentBytes / MIB,
    unit: 'MiB',
    goal: `at most ${SIZE_MIB} MiB more`,
    met: grown <= SIZE_MIB,
    latencies: [],
  });
});

async function timed(pass: () => Promise<number>): Promise<Load> {
  const began = performance.now();
  const bytes = await pass();
  if (bytes < SIZE_MIB * MIB) throw new Error(`Only ${bytes} bytes came.`);
  const took = performance.now() - began;
  return { perSecond: (SIZE_MIB * 1000) / took, latencies: [took] };
}

function follow(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    get(url, { headers }, (response) => count(response).then(resolve, reject)).once('error', reject);
  });
}

async function count(stream: NodeJS.ReadableStream): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  return bytes;
}
