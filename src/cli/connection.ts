import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { BerthClient } from '../client/client.js';
import { UsageError } from './exit.js';
import { note } from './output.js';

export interface ConnectionOptions {
  url?: string;
  token?: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:8080';

type Environment = Record<string, string | undefined>;

/**
 * Where the broker is and who we are: from the options, or else the environment, or else the last login, or else the
 * broker that was started in this directory.
 *
 * A token goes only to the address that came from the same place or a closer one: a login's token is never sent to
 * an address that was given by hand.
 */
export function connection(options: ConnectionOptions, env: Environment): Required<ConnectionOptions> {
  const given = { url: options.url ?? env.BERTH_URL, token: options.token ?? env.BERTH_TOKEN };
  const login = readLogin(env);
  const url = given.url ?? login.url ?? DEFAULT_URL;
  const token = given.token ?? (url === login.url ? login.token : undefined) ?? adminToken(url);
  if (token) return { url: checked(url), token };
  throw new UsageError('No token: use `berth login`, --token or BERTH_TOKEN.');
}

export function connect(options: ConnectionOptions): BerthClient {
  const onAway = (why: Error) => note(`${why.message} Trying again …`);
  return new BerthClient({ ...connection(options, process.env), onAway });
}

/** Keeps a login, readable for nobody else. */
export function writeLogin(login: Required<ConnectionOptions>, env: Environment): string {
  const path = loginFile(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600 });
  return path;
}

function readLogin(env: Environment): ConnectionOptions {
  const text = read(loginFile(env));
  if (text === undefined) return {};
  try {
    const { url, token } = JSON.parse(text) as ConnectionOptions;
    return { url, token };
  } catch {
    throw new UsageError(`${loginFile(env)} can not be read; use \`berth login\` again.`);
  }
}

function loginFile(env: Environment): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'berth', 'config.json');
}

/** The admin's token of a broker in this directory, for this machine only. */
function adminToken(url: string): string | undefined {
  const { hostname } = new URL(checked(url));
  const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  return isHere ? read(join('.berth', 'admin-token'))?.trim() : undefined;
}

function checked(url: string): string {
  if (URL.canParse(url) && /^https?:/.test(url)) return url;
  throw new UsageError(`${url} is no address; it should look like ${DEFAULT_URL}.`);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
