import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The admin's token on a broker of the benches. */
export const ADMIN_TOKEN = 'the-admin-of-the-benches';

/** What a process has used since it began. */
export interface Usage {
  /** Of all its threads, in milliseconds. */
  cpuMs: number;
  /** Resident memory now, and the most that it ever was. */
  residentBytes: number;
  mostResidentBytes: number;
}

/** A server in a process of its own. */
export interface Served {
  url: string;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Ends what was started and not stopped, as a power cut does. */
export function endServed(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Starts the program beside this file and waits until it serves. It ends with this process, however that ends. */
export async function startServed(program: string, env: Record<string, string> = {}): Promise<Served> {
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), {
    env: { ...process.env, ...env },
    execArgv: process.env.BENCH_NODE_OPTIONS?.split(' ') ?? [],
  });
  running.add(child);
  const exited = once(child, 'exit').finally(() => running.delete(child));
  const url = await Promise.race([
    once(child, 'message').then(([message]) => message as string),
    exited.then(([code]) => Promise.reject(new Error(`${program} ended with ${code}.`))),
  ]);
  return {
    url,
    async usage() {
      const answer = once(child, 'message');
      child.send('usage');
      return (await answer)[0] as Usage;
    },
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}

/** In the program: says where it serves and, when asked, what it uses; and ends when its parent lets go of it. */
export function serve(url: string, close: () => Promise<void>): void {
  process.once('disconnect', () => void close().then(() => process.exit()));
  process.on('message', () => process.send?.(usage()));
  process.send?.(url);
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return {
    cpuMs: (user + system) / 1000,
    residentBytes: process.memoryUsage.rss(),
    mostResidentBytes: process.resourceUsage().maxRSS * 1024,
  };
}
