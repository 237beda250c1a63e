import { Readable } from 'node:stream';
import createFetchClient, { type Client } from 'openapi-fetch';
import pRetry from 'p-retry';
import { resuming } from './event-source.js';
import { ensureOk, ProblemError, UnreachableError } from './problem-error.js';
import type { components, paths } from './schema.d.ts';

export { ProblemError, UnreachableError } from './problem-error.js';

export type Schemas = components['schemas'];

/** Paths that are read page by page, and what their items are. */
export type ListPath = {
  [P in keyof paths]: paths[P] extends { get: Listing<unknown> } ? P : never;
}[keyof paths];
export type Item<P extends ListPath> = paths[P] extends { get: Listing<infer T> } ? T : never;
interface Listing<T> {
  responses: { 200: { content: { 'application/json': { items: T[]; nextCursor: string | null } } } };
}

/** A message of a live output: pieces, and at last the command as it ended. */
export type OutputMessage =
  | { kind: 'piece'; stream: 'stdout' | 'stderr'; data: Buffer }
  | { kind: 'end'; command: Schemas['Command'] };

export interface ClientOptions {
  /** Address of the broker, such as `http://127.0.0.1:8080`. */
  url: string;
  token: string;
  /** Told once, each time that the broker is away, with why; what can be is then sent again until it is back. */
  onAway?: (why: Error) => void;
}

/** Times that what was not answered is sent again, a second apart: as long as a broker takes to be started anew. */
const ATTEMPTS = 30;

/**
 * A client of the REST API. `api` has every route, typed from the OpenAPI document; the methods are for what a single
 * answer of JSON is not: lists, streams and files. All throw `ProblemError` for an error that the broker answers with,
 * and `UnreachableError` where none answers. Where one has answered before, as it does not while it is started anew,
 * what does no harm when it is done twice is sent again for half a minute.
 */
export class BerthClient {
  readonly api: Client<paths>;
  private readonly url: string;
  private readonly authorization: string;
  private readonly onAway: (why: Error) => void;
  /** Whether a broker has answered yet, so that the address is right. */
  private reached = false;

  constructor({ url, token, onAway = () => undefined }: ClientOptions) {
    this.url = url.replace(/\/+$/, '');
    this.authorization = `Bearer ${token}`;
    this.onAway = onAway;
    this.api = createFetchClient<paths>({
      baseUrl: this.url,
      fetch: (request) => this.send(request),
    });
  }

  /** The items of a list, page after page. */
  async *list<P extends ListPath>(path: P, query: Record<string, string> = {}): AsyncGenerator<Item<P>> {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const search = new URLSearchParams({ ...query, ...(cursor && { cursor }) });
      const response = await this.fetch(`${path}?${search}`);
      const page = (await response.json()) as { items: Item<P>[]; nextCursor: string | null };
      yield* page.items;
      cursor = page.nextCursor;
    }
  }

  /** The log, live, for as long as one reads; `after` in the query says from where. */
  async *events(query: Record<string, string> = {}, signal?: AbortSignal): AsyncGenerator<Schemas['Event']> {
    for await (const { data } of this.stream(`/v1/events?${new URLSearchParams(query)}`, signal)) {
      yield JSON.parse(data) as Schemas['Event'];
    }
  }

  /** The output of a command from its beginning, live until it ends. */
  async *output(leaseId: string, commandId: string, signal?: AbortSignal): AsyncGenerator<OutputMessage> {
    const path = `/v1/leases/${leaseId}/commands/${commandId}/output`;
    for await (const { event, data } of this.stream(path, signal)) {
      if (event === 'end') {
        yield { kind: 'end', command: JSON.parse(data) as Schemas['Command'] };
        return;
      }
      const { stream, text, base64 } = JSON.parse(data) as Schemas['OutputPiece'];
      const bytes = base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
      yield { kind: 'piece', stream, data: bytes };
    }
  }

  async readFile(leaseId: string, path: string): Promise<Readable> {
    return bodyOf(await this.fetch(fileRoute(leaseId, path)));
  }

  /** Where `content` fails, it is that fault which is thrown. */
  async writeFile(leaseId: string, path: string, content: Readable): Promise<void> {
    let fault: Error | undefined;
    content.once('error', (error) => {
      fault = error;
    });
    const body = Readable.toWeb(content);
    try {
      await this.fetch(fileRoute(leaseId, path), { method: 'PUT', body, duplex: 'half' });
    } catch (error) {
      throw fault ?? error;
    }
  }

  /** A tar of the artifacts directory. */
  async artifacts(leaseId: string, signal?: AbortSignal): Promise<Readable> {
    return bodyOf(await this.fetch(`/v1/leases/${leaseId}/artifacts.tar`, { signal }));
  }

  private stream(path: string, signal: AbortSignal | undefined) {
    let isOpen = false;
    const connect = async (after: string | undefined) => {
      const headers = new Headers({ accept: 'text/event-stream' });
      if (after !== undefined) headers.set('last-event-id', after);
      const request = new Request(`${this.url}${path}`, { headers, signal });
      const response = await (isOpen ? this.sendOnce(request) : this.send(request));
      isOpen = true; // from now on it is taken up again by `resuming`
      return bodyOf(response);
    };
    return resuming(connect, signal);
  }

  private fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return this.send(new Request(`${this.url}${path}`, init));
  }

  private send(request: Request): Promise<Response> {
    if (!isRepeatable(request)) return this.sendOnce(request);
    return pRetry(() => this.sendOnce(request.clone()), {
      retries: ATTEMPTS,
      factor: 1,
      signal: request.signal,
      shouldRetry: ({ error }) => this.isAway(error),
      onFailedAttempt: ({ error, attemptNumber }) => {
        if (attemptNumber === 1 && this.isAway(error)) this.onAway(error);
      },
    });
  }

  /** Whether what went wrong may be over soon. */
  private isAway(error: Error): boolean {
    if (error instanceof ProblemError) return AWAY.includes(error.status);
    return error instanceof UnreachableError && this.reached;
  }

  private async sendOnce(request: Request): Promise<Response> {
    request.headers.set('authorization', this.authorization);
    let response: Response;
    try {
      response = await fetch(request);
    } catch (error) {
      if (request.signal.aborted) throw error;
      throw new UnreachableError(this.url, error);
    }
    await ensureOk(response);
    this.reached = true;
    return response;
  }
}

/** What brokers answer while their database is away or they stop, and proxies while no broker does. */
const AWAY = [502, 503, 504];

/** What may be done twice: reading, and what ends as it did the first time. */
function isRepeatable({ method, headers, url }: Request): boolean {
  return method === 'GET' || headers.has('idempotency-key') || /\/(release|renew|cancel)$/.test(url);
}

/** The body of an answer that `api` gave; errors were thrown before. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

function fileRoute(leaseId: string, path: string): string {
  return `/v1/leases/${leaseId}/files/${path.split('/').map(encodeURIComponent).join('/')}`;
}

function bodyOf({ body }: Response): Readable {
  return body ? Readable.fromWeb(body) : Readable.from([]);
}
