/** Sections as Markdown for people and as JSON for programs. */
import { medianCpuSeconds, medianSeconds, peakBytes } from './columns.js';
import type { Result } from './rounds.js';
import type { Section } from './works/work.js';

export function renderSection({ title, table, notes }: Section): string {
  const list = renderNotes(notes);
  return [`## ${title}\n`, table, list].filter((part) => part !== '').join('\n');
}

export function renderNotes(notes: readonly string[]): string {
  return notes.map((note) => `- ${note}\n`).join('');
}

/** The medians beside every sample they come from. */
export function summarize({ title, notes, results }: Section) {
  return {
    title,
    notes,
    hasFailures: results.some(({ failure }) => failure !== undefined),
    results: results.map(summarizeResult),
  };
}

function summarizeResult(result: Result) {
  const { contender, samples, failure } = result;
  return {
    name: contender.name,
    durable: contender.durable,
    medianSeconds: medianSeconds(result),
    medianCpuSeconds: medianCpuSeconds(result),
    senderPeakBytes: peakBytes(result, 'sender'),
    receiverPeakBytes: peakBytes(result, 'receiver'),
    failure,
    samples,
  };
}
