/** Calls once when, after `begin`, nothing has happened for so many milliseconds. */
export class Silence {
  private timer: NodeJS.Timeout | undefined;
  private begun = false;
  private busy = false;

  constructor(
    private readonly afterMs: number,
    private readonly onSilence: () => void,
  ) {}

  begin(): void {
    this.begun = true;
    this.listen();
  }

  /** Something happens, for as long as the promise takes. */
  async during(happening: () => void | Promise<void>): Promise<void> {
    this.busy = true;
    clearTimeout(this.timer);
    await happening();
    this.busy = false;
    this.listen();
  }

  end(): void {
    this.begun = false;
    clearTimeout(this.timer);
  }

  private listen(): void {
    if (this.begun && !this.busy) this.timer = setTimeout(this.onSilence, this.afterMs);
  }
}
