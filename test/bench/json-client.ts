import { Pool } from 'undici';

/** As many connections as there are requests under way, and an answer may take its time. */
const OPTIONS = { connections: null, headersTimeout: 0, bodyTimeout: 0 };

/**
 * Sends and reads JSON on connections that stay open; throws on any answer but the wanted one. By undici, which takes a
 * third of the processor time that `node:http` does: it shares two cores with what it measures.
 */
export class JsonClient {
  private readonly pool: Pool;
  private readonly headers: Record<string, string>;

  constructor(url: string, token?: string) {
    this.pool = new Pool(url, OPTIONS);
    this.headers = {
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    };
  }

  get<T>(path: string): Promise<T> {
    return this.send('GET', path, null, 200);
  }

  post<T>(path: string, body: unknown, wanted: number): Promise<T> {
    return this.send('POST', path, JSON.stringify(body), wanted);
  }

  /** Ends the requests under way, too: they reject. */
  close(): void {
    void this.pool.destroy();
  }

  private async send<T>(
    method: 'GET' | 'POST',
    path: string,
    text: string | null,
    wanted: number,
  ): Promise<T> {
    const { statusCode, body } = await this.pool.request({ method, path, headers: this.headers, body: text });
    const read = await body.json();
    if (statusCode === wanted) return read as T;
    throw new Error(`${method} ${path} answered ${statusCode}: ${JSON.stringify(read)}`);
  }
}
