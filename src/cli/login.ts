import { text } from 'node:stream/consumers';
import { BerthClient, data } from '../client/client.js';
import { type CommonOptions, command } from './command.js';
import { connect, DEFAULT_URL, writeLogin } from './connection.js';
import { UsageError } from './exit.js';
import { note, print } from './output.js';

export const LOGIN = [
  command('login', 'keep an address and a token; the token is read from standard input unless given').action(
    async (options: CommonOptions) => {
      const url = options.url ?? process.env.BERTH_URL ?? DEFAULT_URL;
      const token = options.token ?? (await readToken());
      const who = await data(new BerthClient({ url, token }).api.GET('/v1/whoami'));
      note(`Kept in ${writeLogin({ url, token }, process.env)}.`);
      print(options, who);
    },
  ),
  command('whoami', 'whose token this is').action(async (options: CommonOptions) =>
    print(options, await data(connect(options).api.GET('/v1/whoami'))),
  ),
];

async function readToken(): Promise<string> {
  if (process.stdin.isTTY) note('Token, then Enter and Ctrl-D:');
  const token = (await text(process.stdin)).trim();
  if (token === '') throw new UsageError('No token: give one on standard input or with --token.');
  return token;
}
