// Preloaded into a program: its clock is an hour fast until SIGUSR2 sets it right, which sets it back.
const HOUR_MS = 3_600_000;
const RealDate = Date;
let aheadMs = HOUR_MS;
process.on('SIGUSR2', () => (aheadMs = 0));

globalThis.Date = class extends RealDate {
  static now() {
    return RealDate.now() + aheadMs;
  }

  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + aheadMs);
    else super(...args);
  }
};
