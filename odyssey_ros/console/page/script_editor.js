// The editor of scripts: a text area with line numbers, marks at the lines with mistakes, and keys for indentation.

import { element } from './dom.js';
import { indented, lineCount, newLine, outdented, positionOf } from './script_text.js';

const MAX_MARKS = 50;

/**
 * @typedef {{line: number | null, column: number | null, message: string}} Mistake
 * @typedef {object} ScriptEditor
 * @property {HTMLElement} element
 * @property {HTMLTextAreaElement} field
 * @property {string} text
 * @property {(mistakes: readonly Mistake[]) => void} mark - marks the lines with mistakes
 * @property {(line: number, column: number) => void} goTo - selects a place
 */

/**
 * Return the editor.
 * @param {{changed: () => void, submit: () => void, describedBy: string}} options - `changed` is called after each
 *   change, and `submit` for Ctrl+Enter
 * @returns {ScriptEditor}
 */
export function createScriptEditor({ changed, submit, describedBy }) {
  let leaves = false; // whether the next Tab moves the focus
  let lines = 0;
  const field = /** @type {HTMLTextAreaElement} */ (element('textarea.script-field', {
    id: 'script', wrap: 'off', spellcheck: false, autocapitalize: 'off', autocomplete: 'off', rows: 16,
    'aria-describedby': describedBy, oninput: update, onscroll: follow, onkeydown: pressed,
    onblur: () => {
      leaves = false;
    },
  }));
  const numbers = element('pre.script-numbers');
  const marks = element('div.script-marks');
  const gutter = element('div.script-gutter', { 'aria-hidden': 'true' }, numbers);
  const ground = element('div.script-ground', { 'aria-hidden': 'true' }, marks);

  function update() {
    showNumbers();
    changed();
  }

  function showNumbers() {
    const count = lineCount(field.value);
    if (count === lines) return;
    lines = count;
    numbers.textContent = Array.from({ length: count }, (_, index) => index + 1).join('\n');
    follow();
  }

  function follow() {
    numbers.style.setProperty('--scrolled', `${-field.scrollTop}px`);
    marks.style.setProperty('--scrolled', `${-field.scrollTop}px`);
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const leaving = leaves;
    leaves = event.key === 'Escape' || (leaves && event.key === 'Shift');
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { value, selectionStart, selectionEnd } = field;
    const change = event.shiftKey ? outdented : indented;
    if (event.key === 'Tab' && !leaving) apply(event, change(value, selectionStart, selectionEnd));
    if (event.key === 'Enter' && !event.shiftKey) apply(event, newLine(value, selectionStart, selectionEnd));
  }

  /**
   * @param {Event} event
   * @param {import('./script_text.js').Edit} edit
   */
  function apply(event, edit) {
    event.preventDefault();
    if (field.value.slice(edit.start, edit.end) !== edit.text) {
      field.setSelectionRange(edit.start, edit.end);
      // Only this command keeps the history of Ctrl+Z.
      const command = edit.text === '' ? 'delete' : 'insertText';
      const done = document.execCommand(command, false, edit.text);
      if (!done) {
        field.setRangeText(edit.text, edit.start, edit.end);
        update();
      }
    }
    field.setSelectionRange(edit.selectionStart, edit.selectionEnd);
  }

  return {
    element: element('div.script-editor', {}, gutter, element('div.script-text', {}, ground, field)),
    field,
    get text() {
      return field.value;
    },
    set text(text) {
      field.value = text;
      showNumbers();
    },
    mark(mistakes) {
      const marked = mistakes.filter(({ line }) => line !== null).slice(0, MAX_MARKS);
      field.setAttribute('aria-invalid', String(mistakes.length > 0));
      marks.replaceChildren(...marked.map(({ line }) => {
        const mark = element('span');
        mark.style.setProperty('--line', String(Number(line) - 1));
        return mark;
      }));
    },
    goTo(line, column) {
      const position = positionOf(field.value, line, column);
      const found = field.value.indexOf('\n', position);
      field.setSelectionRange(position, position);
      field.blur();
      field.focus(); // scrolls the caret into view
      field.setSelectionRange(position, found < 0 ? field.value.length : found);
      const height = field.scrollHeight / Math.max(1, lines);
      field.scrollTop = Math.max(0, (line - 1) * height - field.clientHeight / 3);
    },
  };
}
