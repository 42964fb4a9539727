// The text field of the prompt: Enter sends, Shift+Enter makes a line break, Up and Down go through the history.

import { element } from './dom.js';
import { counterText } from './prompt_text.js';

/**
 * @typedef {object} PromptField
 * @property {HTMLElement} element
 * @property {HTMLTextAreaElement} area
 * @property {HTMLElement} counter
 * @property {() => string} text
 * @property {(text: string) => void} setText - replaces the text, and puts the caret at its end
 * @property {(limit: number) => void} setLimit
 */

/**
 * Return the field.
 * @param {import('./prompt_history.js').PromptHistory} history
 * @param {() => void} send - called when the operator presses Enter
 * @param {() => void} changed - called when the text changes
 * @returns {PromptField}
 */
export function createPromptField(history, send, changed) {
  let limit = Infinity;
  const counter = element('span.counter.number', { id: 'prompt-counter' });
  const area = /** @type {HTMLTextAreaElement} */ (element('textarea', {
    id: 'prompt',
    rows: 2,
    placeholder: 'Describe the scene, or what changes in it',
    autocomplete: 'off',
    spellcheck: true,
    enterKeyHint: 'send',
    'aria-describedby': 'prompt-keys prompt-counter prompt-wait prompt-error',
    onkeydown: pressed,
    oninput: () => {
      history.rewind();
      update();
    },
  }));

  function update() {
    counter.textContent = counterText(area.value, limit);
    changed();
  }

  /** @param {string} text */
  function setText(text) {
    area.value = text;
    area.setSelectionRange(text.length, text.length);
    update();
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      if (!event.repeat) send();
    } else if (event.key === 'Escape') {
      area.blur();
    } else if ((event.key === 'ArrowUp' || event.key === 'ArrowDown') && !event.shiftKey) {
      const found = recalled(event.key === 'ArrowUp');
      if (found === undefined) return;
      event.preventDefault();
      setText(found);
    }
  }

  /** @param {boolean} older */
  function recalled(older) {
    const { value, selectionStart, selectionEnd } = area;
    if (selectionStart !== selectionEnd) return undefined;
    if (older) return value.slice(0, selectionStart).includes('\n') ? undefined : history.older(value);
    return value.slice(selectionEnd).includes('\n') ? undefined : history.newer();
  }

  return {
    element: element('div.field', {},
      element('label', { for: 'prompt' }, 'Prompt'),
      area,
    ),
    area,
    counter,
    text: () => area.value,
    setText,
    setLimit(value) {
      limit = value;
      counter.textContent = counterText(area.value, limit);
    },
  };
}
