import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, listening, type Sshd, startSshd } from './sshd.js';

const run = promisify(execFile);

/** One commit of a declared history, on the tip of its branch. */
export interface Commit {
  branch: string;
  /** Contents; a program's or a link's; the commit of a submodule; null for what is removed. */
  files: Record<
    string,
    string | { mode: '100755' | '120000'; content: string } | { mode: '160000'; commit: string } | null
  >;
  /** Branch that this one starts from, at its first commit. */
  from?: string;
  tag?: string;
  /** Full name of a further ref to it, such as `refs/pull/1/head`. */
  ref?: string;
}

export interface GitServer {
  /** The sshd that serves the same repositories, to its key only. */
  sshd: Sshd;
  /** Makes the bare repository, or adds to it. @returns the id of each commit */
  commit(name: string, history: Commit[]): Promise<string[]>;
  /** Address by transport. */
  uri(name: string, transport: 'git' | 'ssh' | 'file'): string;
  stop(): Promise<void>;
}

/** Bare repositories behind `git daemon` and behind sshd, both on loopback. */
export async function startGitServer(): Promise<GitServer> {
  const root = await mkdtemp(join(tmpdir(), 'berth-git-'));
  const sshd = await startSshd();
  const port = await freePort();
  const daemon = await startDaemon(root, port);
  const path = (name: string) => join(root, `${name}.git`);
  return {
    sshd,
    commit: async (name, history) => {
      await git(['init', '--quiet', '--bare', '--initial-branch=main', path(name)]);
      return write(path(name), history);
    },
    uri: (name, transport) => {
      if (transport === 'file') return path(name);
      if (transport === 'git') return `git://127.0.0.1:${port}/${name}.git`;
      return `ssh://${sshd.user}@${sshd.address}:${sshd.port}${path(name)}`;
    },
    stop: async () => {
      await end(daemon);
      await sshd.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

export interface HttpsGitServer {
  /** As a credential for git names it. */
  host: string;
  /** File with the certificate, which nobody else has signed. */
  certificate: string;
  uri(name: string): string;
  stop(): Promise<void>;
}

/** The repositories of another server over HTTPS, for whoever says this user and password. */
export async function startHttpsGitServer(served: GitServer, login: string): Promise<HttpsGitServer> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-https-'));
  const [key, certificate] = [join(directory, 'key'), join(directory, 'certificate')];
  const made = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-keyout',
    key,
    '-out',
    certificate,
  ];
  const named = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await run('openssl', ['req', '-x509', '-nodes', '-days', '2', ...made, ...named]);
  const backend = join((await git(['--exec-path'])).trim(), 'git-http-backend');
  const expected = `Basic ${Buffer.from(login).toString('base64')}`;
  const tls = { key: await readFile(key), cert: await readFile(certificate) };
  const server: Server = createServer(tls, (request, response) => {
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const { pathname, search } = new URL(request.url ?? '/', 'https://localhost');
    const child = spawn(backend, {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: join(served.uri('none', 'file'), '..'),
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(pathname),
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: request.headers['content-type'],
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(child.stdin.on('error', () => undefined));
    let head = Buffer.alloc(0);
    const begin = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      child.stdout.off('data', begin);
      const lines = head.toString('latin1', 0, end).split('\r\n');
      const headers = lines.map((line) => line.split(': ') as [string, string]);
      const status = headers.find(([name]) => name === 'Status')?.[1];
      response.writeHead(Number.parseInt(status ?? '200', 10), Object.fromEntries(headers));
      response.write(head.subarray(end + 4));
      child.stdout.pipe(response);
    };
    child.stdout.on('data', begin);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    certificate,
    uri: (name) => `https://${host}/${name}.git`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startDaemon(root: string, port: number): Promise<ChildProcess> {
  // Not through `git`, which would stand between us and the daemon when it is to be ended.
  const program = join((await git(['--exec-path'])).trim(), 'git-daemon');
  const args = ['--export-all', '--listen=127.0.0.1', `--port=${port}`, `--base-path=${root}`, root];
  const daemon = spawn(program, args, { stdio: 'ignore' });
  await Promise.race([
    listening(port),
    new Promise((_resolve, reject) => {
      daemon.once('error', reject);
      daemon.once('exit', () => reject(new Error('git daemon ended before it listened.')));
    }),
  ]);
  return daemon;
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGKILL');
  await ended;
}

async function write(repository: string, history: Commit[]): Promise<string[]> {
  const ids: string[] = [];
  for (const commit of history) {
    const { branch, tag, ref } = commit;
    const id = await importCommit(repository, commit);
    for (const name of [`refs/heads/${branch}`, tag && `refs/tags/${tag}`, ref]) {
      if (name) await git(['--git-dir', repository, 'update-ref', name, id]);
    }
    ids.push(id);
  }
  return ids;
}

async function importCommit(repository: string, { branch, from, files }: Commit): Promise<string> {
  const tip = async (name: string) =>
    (
      await git(['--git-dir', repository, 'for-each-ref', '--format=%(objectname)', `refs/heads/${name}`])
    ).trim();
  const parent = (await tip(branch)) || (from ? await tip(from) : '');
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const changes = Object.entries(files).map(([path, file]) => {
    const name = JSON.stringify(path);
    if (file === null) return `D ${name}\n`;
    if (typeof file === 'string') return `M 100644 inline ${name}\n${data(file)}`;
    if (file.mode === '160000') return `M 160000 ${file.commit} ${name}\n`;
    return `M ${file.mode} inline ${name}\n${data(file.content)}`;
  });
  const stream = [
    'commit refs/berth/import\nmark :1\ncommitter Test <test@localhost> 1700000000 +0000\n',
    data(`On ${branch}`),
    parent ? `from ${parent}\n` : '',
    ...changes,
    '\nget-mark :1\n',
  ].join('');
  await git(['--git-dir', repository, 'update-ref', '-d', 'refs/berth/import']);
  const id = (await git(['--git-dir', repository, 'fast-import', '--quiet', '--force'], stream)).trim();
  await git(['--git-dir', repository, 'update-ref', '-d', 'refs/berth/import']);
  return id;
}

/** The tests' own git, which reads nobody's configuration. */
export async function git(args: string[], input = ''): Promise<string> {
  const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  const running = run('git', args, { env, maxBuffer: 1 << 26 });
  // Most of git reads no stdin and may have ended by now.
  running.child.stdin?.on('error', () => undefined).end(input);
  return (await running).stdout;
}
