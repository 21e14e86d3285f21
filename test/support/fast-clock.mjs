// Preloaded into a program: performance.now() runs a hundred times as fast. Timers take their time.
const RATE = 100;
const now = performance.now.bind(performance);
Object.defineProperty(performance, 'now', { value: () => RATE * now() });
