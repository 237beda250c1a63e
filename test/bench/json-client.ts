import { Agent, request } from 'node:http';
import { json } from 'node:stream/consumers';

/** Sends and reads JSON on connections that stay open; throws on any answer but the wanted one. */
export class JsonClient {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly headers: Record<string, string>;

  constructor(
    private readonly url: string,
    token?: string,
  ) {
    this.headers = {
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    };
  }

  get<T>(path: string): Promise<T> {
    return this.send('GET', path, '', 200);
  }

  post<T>(path: string, body: unknown, wanted: number): Promise<T> {
    return this.send('POST', path, JSON.stringify(body), wanted);
  }

  /** Ends the requests under way, too: they reject. */
  close(): void {
    this.agent.destroy();
  }

  private async send<T>(method: string, path: string, text: string, wanted: number): Promise<T> {
    const answer = await new Promise<{ status?: number; body: unknown }>((resolve, reject) => {
      const headers = { ...this.headers, 'content-length': Buffer.byteLength(text) };
      const call = request(`${this.url}${path}`, { method, agent: this.agent, headers });
      call.once('error', reject);
      call.once('response', (response) => {
        json(response).then((read) => resolve({ status: response.statusCode, body: read }), reject);
      });
      call.end(text);
    });
    if (answer.status === wanted) return answer.body as T;
    throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  }
}
