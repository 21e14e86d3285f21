/** What ftx says when it fails: one plain sentence, and after a session that took nothing its summary. */
export const oneSentence = /^ftx: [^\n]{10,}\n(nothing stored on [^\n]+\n)?$/;

/** What only a programmer would want to read. */
export const jargon = /\bat .*:\d+:\d+|Error:|undefined|\[object/;
