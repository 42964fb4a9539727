// Script texts in the editor: positions, indentation and the example. Without DOM, so that it can be tested by itself.

const INDENT = '  ';

export const EXAMPLE = `# One video for each value of weather. Times are in milliseconds.
variables:
  weather: [rain, snow]
script:
  - timestamp_ms: 0
    start: {prompt: "A harbour at dawn in {weather}"}
  - timestamp_ms: 4000
    interact: {prompt: "The {weather} stops, and the sun rises"}
  - timestamp_ms: 8000
    end: {}
`;

/**
 * Return the number of lines of a text.
 * @param {string} text
 */
export function lineCount(text) {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/**
 * Return the position of a line and column, as the server counts them: from 1, in characters, of which some have two
 * units in a text of JavaScript.
 * @param {string} text
 * @param {number} line
 * @param {number} column
 */
export function positionOf(text, line, column) {
  let start = 0;
  for (let number = 1; number < line; number += 1) {
    const end = text.indexOf('\n', start);
    if (end < 0) return text.length;
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  const characters = [...text.slice(start, end < 0 ? text.length : end)];
  return start + characters.slice(0, column - 1).join('').length;
}

/**
 * An edit: the text that replaces a part, and the selection after it.
 * @typedef {{start: number, end: number, text: string, selectionStart: number, selectionEnd: number}} Edit
 */

/**
 * Return the edit that indents the selected lines, or inserts spaces up to the next indentation without a selection.
 * @param {string} text
 * @param {number} start - of the selection
 * @param {number} end
 * @returns {Edit}
 */
export function indented(text, start, end) {
  if (start === end) {
    const column = start - startOfLine(text, start);
    const spaces = INDENT.slice(column % INDENT.length);
    return { start, end, text: spaces, selectionStart: start + spaces.length, selectionEnd: start + spaces.length };
  }
  return changedLines(text, start, end, (line) => (line === '' ? line : INDENT + line));
}

/**
 * Return the edit that removes one indentation of the selected lines.
 * @param {string} text
 * @param {number} start
 * @param {number} end
 * @returns {Edit}
 */
export function outdented(text, start, end) {
  return changedLines(text, start, end, (line) => line.replace(/^ {1,2}/, ''));
}

/**
 * Return the edit that begins a new line with the indentation of the present one.
 * @param {string} text
 * @param {number} start
 * @param {number} end
 * @returns {Edit}
 */
export function newLine(text, start, end) {
  const spaces = /^ */.exec(text.slice(startOfLine(text, start), start))?.[0] ?? '';
  const inserted = `\n${spaces}`;
  const after = start + inserted.length;
  return { start, end, text: inserted, selectionStart: after, selectionEnd: after };
}

/**
 * @param {string} text
 * @param {number} position
 */
function startOfLine(text, position) {
  return text.lastIndexOf('\n', position - 1) + 1;
}

/**
 * @param {string} text
 * @param {number} start
 * @param {number} end
 * @param {(line: string) => string} change
 * @returns {Edit}
 */
function changedLines(text, start, end, change) {
  const from = startOfLine(text, start);
  // A selection that ends at the beginning of a line does not include that line.
  const last = end > start && text[end - 1] === '\n' ? end - 1 : end;
  const found = text.indexOf('\n', last);
  const to = found < 0 ? text.length : found;
  const lines = text.slice(from, to).split('\n');
  const changed = lines.map(change);
  const replaced = changed.join('\n');
  return {
    start: from,
    end: to,
    text: replaced,
    selectionStart: Math.max(from, start + changed[0].length - lines[0].length),
    selectionEnd: Math.max(from, end + replaced.length - (to - from)),
  };
}
