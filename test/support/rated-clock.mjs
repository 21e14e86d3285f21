// Preloaded into a program with ?rate=NUMBER: performance.now() runs so many times as fast. Timers take their time.
const rate = Number(new URL(import.meta.url).searchParams.get('rate'));
const now = performance.now.bind(performance);
Object.defineProperty(performance, 'now', { value: () => rate * now() });
