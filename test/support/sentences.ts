/** What ftx says when it fails: one plain sentence, before it perhaps whom it has met and what it waited for, after a session that took nothing its summary, or that it can go on. */
export const oneSentence =
  /^([^\n]+ is new here: [^\n]+\n|plain: [^\n]+\n)?([^\n]+: waiting for [^\n]+\n)?ftx: [^\n]{10,}\n(to send [^\n]+\n)?(nothing stored on [^\n]+\n|what has arrived is kept\. [^\n]+\n)?$/;

/** What only a programmer would want to read. */
export const jargon = /\bat .*:\d+:\d+|Error:|undefined|\[object/;
