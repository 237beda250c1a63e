import type { Driver, LeaseView } from '../../src/drivers/driver.js';

/** Makes of the file `f` a link to one outside of the lease's directory, and back. */
export const SWAP_FILE = 'ln -sf "$HOME/outside/secret" g; mv g f; echo mine > g; mv g f';

/** Makes of the directory `d` a link to one outside, and back. */
export const SWAP_DIRECTORY = 'mv d e; ln -s "$HOME/outside" d; rm d; mv e d';

/** Lets a script of the lease run over and over beside the work. */
export async function whileRunning(
  driver: Driver,
  lease: LeaseView,
  script: string,
  work: () => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const process = { id: 'cmd_beside', cwd: null, env: {}, stdin: null, timeoutSeconds: 60 };
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const argv = ['sh', '-c', `echo begun; while :; do ${script}; done`];
  const running = driver.execute(lease, { ...process, argv }, () => begin(), over);
  await begun;
  await work().finally(() => over.abort());
  await running;
}
