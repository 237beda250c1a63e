import type { Transcript } from './transcript.js';

/** What is to be taken away at the end, the last made first, however the end came. */
export class Cleanup {
  private readonly left: { what: string; remove: () => Promise<unknown> }[] = [];

  /** To be called before the thing is made, or in the same breath: what is not there is removed without complaint. */
  later(what: string, remove: () => Promise<unknown>): void {
    this.left.push({ what, remove });
  }

  /** Takes all of it away, one after the other. @returns why something could not be */
  async run(transcript: Transcript): Promise<Error[]> {
    const faults: Error[] = [];
    for (const { what, remove } of this.left.splice(0).reverse()) {
      try {
        await transcript.did(remove, () => ['removed', what]);
      } catch (error) {
        const fault = new Error(`${what}: ${(error as Error).message}`);
        transcript.failed('failed', fault.message);
        faults.push(fault);
      }
    }
    return faults;
  }
}
