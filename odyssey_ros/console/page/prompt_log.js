// The prompts that were sent through this console, newest first, with what became of each.

import { element, replaceContent } from './dom.js';
import { failureText } from './prompt_text.js';

/** Prompts that are shown at first. */
const FEW = 5;

const STATES = {
  waiting: ['Waiting', 'stale'],
  pending: ['Pending', 'info'],
  acknowledged: ['Acknowledged', 'ok'],
  failed: ['Failed', 'error'],
};

/**
 * Return the log.
 * @param {(text: string) => void} use - called with the text of a prompt that the operator wants to use again
 */
export function createPromptLog(use) {
  /** @type {Map<string, {item: HTMLElement, shown: string}>} */
  const items = new Map();
  const list = element('ol', { role: 'list' });
  const more = element('button.quiet', { type: 'button', 'aria-expanded': 'false', onclick: () => {
    more.setAttribute('aria-expanded', String(list.classList.toggle('all-shown')));
    labelMore();
  } });
  const empty = element('p.empty', {}, 'No prompt has been sent through this console yet.');

  return {
    element: element('section.panel.prompt-log', { 'aria-label': 'Sent prompts' },
      element('h2', {}, 'Sent prompts'), empty, list, more),

    /**
     * Show prompts.
     * @param {any[]} prompts - those of the server, oldest first
     * @param {import('./stream_sender.js').StreamRequest[]} waiting - those that this page has not sent yet
     */
    show(prompts, waiting) {
      const entries = [
        ...prompts,
        ...waiting.map(({ kind, text }, index) => ({ id: `waiting-${index}`, kind, text, state: 'waiting' })),
      ].reverse();
      const kept = new Set(entries.map(({ id }) => String(id)));
      for (const [id, { item }] of items) {
        if (kept.has(id)) continue;
        item.remove();
        items.delete(id);
      }
      /** @type {Element | null} */
      let next = list.firstElementChild;
      for (const entry of entries) {
        const item = updated(entry);
        if (item === next) next = next.nextElementSibling;
        else list.insertBefore(item, next);
      }
      empty.hidden = entries.length > 0;
      more.hidden = entries.length <= FEW;
      labelMore();
      list.hidden = entries.length === 0;
    },
  };

  function labelMore() {
    replaceContent(more, list.classList.contains('all-shown') ? 'Show fewer' : `Show all ${items.size} prompts`);
  }

  /**
   * Return the item of an entry; it is kept while the prompt is in the log, so that it keeps the focus.
   * @param {any} entry
   */
  function updated(entry) {
    const id = String(entry.id);
    const text = JSON.stringify(entry);
    const known = items.get(id);
    if (known?.shown === text) return known.item;
    const item = known?.item ?? element('li', {},
      element('button.quiet.prompt-again', { type: 'button', onclick: () => use(entry.text) },
        element('span.visually-hidden', {}, 'Use again: '), element('span.prompt-text', {}, entry.text || 'No text')),
      element('div.prompt-outcome'));
    item.dataset.state = entry.state;
    replaceContent(/** @type {Element} */ (item.querySelector('.prompt-outcome')), ...outcome(entry));
    items.set(id, { item, shown: text });
    return item;
  }
}

/** @param {any} entry */
function outcome(entry) {
  const [name, level] = /** @type {any} */ (STATES)[entry.state];
  const facts = [entry.kind === 'start' ? 'Start' : '', ...(entry.options ?? [])].filter(Boolean).join(', ');
  const children = [
    element('p.row.prompt-facts', {},
      element('span.badge', { data: { level } }, name),
      facts ? element('span.hint', {}, facts) : null,
      entry.time ? time(entry.time) : null),
  ];
  if (entry.state === 'acknowledged' && entry.applied && entry.applied !== entry.text) {
    children.push(element('p.hint', {}, 'Applied as: ', element('q', {}, entry.applied)));
  }
  if (entry.state === 'failed') children.push(element('p.error', {}, failureText(entry.error_code, entry.message)));
  return children;
}

/** @param {number} seconds */
function time(seconds) {
  const date = new Date(1000 * seconds);
  return element('time.hint', { dateTime: date.toISOString(), title: date.toLocaleString() }, date.toLocaleTimeString());
}
