/** Lets a number of callers at something at a time; the others wait in the order in which they came. */
export class Places {
  private taken = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly most: number) {}

  /** Nobody has a place or waits for one. */
  get isFree(): boolean {
    return this.taken === 0;
  }

  /** Resolves with what gives the place back, or with nothing where `signal` aborts before there was one. */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted) return undefined;
    if (this.taken < this.most) this.taken += 1;
    else if (!(await this.given(signal))) return undefined;
    let isHeld = true;
    return () => {
      if (isHeld) this.giveBack();
      isHeld = false;
    };
  }

  /** A place goes from hand to hand, so that nobody who comes later takes it. */
  private given(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const give = () => {
        signal.removeEventListener('abort', leave);
        resolve(true);
      };
      const leave = () => {
        this.waiting.delete(give);
        resolve(false);
      };
      this.waiting.add(give);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  private giveBack(): void {
    const [next] = this.waiting;
    if (!next) {
      this.taken -= 1;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}
