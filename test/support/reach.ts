import type { Driver, LeaseView } from '../../src/drivers/driver.js';
import { shell } from '../contract/driver-contract.js';

interface On {
  driver: Driver;
  lease: LeaseView;
}

/** What a script writes to stdout on a lease. */
export async function said({ driver, lease }: On, script: string): Promise<string> {
  return (await shell(driver, lease, script)).stdout.toString();
}

/** What a lease gets over HTTP from each `HOST:PORT`, all asked at once; null where it gets nothing within 3 s. */
export async function answersTo(on: On, hosts: string[]): Promise<Record<string, string | null>> {
  const asking = hosts.map((host) => `echo "${host} $(${httpGet(host)})" &`);
  return answersIn(await said(on, `${asking.join('\n')}\nwait`), hosts);
}

/** Shell that writes what `HOST:PORT` answers over HTTP, within 3 s. */
export function httpGet(host: string): string {
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(host) ?? [];
  return `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${address} ${port} 2> /dev/null | tail -n 1`;
}

/** By host what lines of `HOST ANSWER` say. */
export function answersIn(text: string, hosts: string[]): Record<string, string | null> {
  const answers = new Map(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
  return Object.fromEntries(hosts.map((host) => [host, answers.get(host) || null]));
}
