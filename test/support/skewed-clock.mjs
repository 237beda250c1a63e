// Loaded before killable-broker.ts: gives the process a clock of its own.
//
//   BERTH_TEST_CLOCK_AHEAD_MS  how far the process's clock is ahead of everyone's; may be negative
//   BERTH_TEST_HASTE           time limits pass so many times as fast
const ahead = Number(process.env.BERTH_TEST_CLOCK_AHEAD_MS ?? 0);
const haste = Number(process.env.BERTH_TEST_HASTE ?? 1);

const TrueDate = Date;
globalThis.Date = class extends TrueDate {
  constructor(...args) {
    if (args.length === 0) super(TrueDate.now() + ahead);
    else super(...args);
  }

  static now() {
    return TrueDate.now() + ahead;
  }
};

const timeout = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = (ms) => timeout(Math.ceil(ms / haste));
