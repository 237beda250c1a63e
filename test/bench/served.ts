import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The admin's token on a broker of the benches. */
export const ADMIN_TOKEN = 'the-admin-of-the-benches';

/** A server in a process of its own. */
export interface Served {
  url: string;
  stop(): Promise<void>;
}

/** Starts the program beside this file and waits until it serves. It ends with this process, however that ends. */
export async function startServed(program: string, env: Record<string, string> = {}): Promise<Served> {
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), {
    env: { ...process.env, ...env },
    execArgv: ['--enable-source-maps', ...(process.env.BENCH_NODE_OPTIONS?.split(' ') ?? [])],
  });
  const exited = once(child, 'exit');
  const url = await Promise.race([
    once(child, 'message').then(([message]) => message as string),
    exited.then(([code]) => Promise.reject(new Error(`${program} ended with ${code}.`))),
  ]);
  return {
    url,
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}

/** In the program: says where it serves, and ends when its parent lets go of it. */
export function serve(url: string, close: () => Promise<void>): void {
  process.once('disconnect', () => void close().then(() => process.exit()));
  process.send?.(url);
}
