// The events of a node as a log, the newest first. A person who has scrolled down keeps the place.

import { createBadge } from './badge.js';
import { element, replaceContent } from './dom.js';
import { errorWords } from './error_words.js';
import { EVENT_FILTERS, eventText, eventWord, filteredEvents } from './event_filter.js';
import { clockText } from './time_text.js';

/** @typedef {import('./event_filter.js').NodeEvent} NodeEvent */

/**
 * Return the log. `update` takes the events, the oldest first; the store keeps the last 500.
 * @returns {{element: HTMLElement, update: (events: readonly NodeEvent[] | null | undefined) => void}}
 */
export function createEventsLog() {
  const filter = /** @type {HTMLSelectElement} */ (element(
    'select', { id: 'event-filter', onchange: show },
    ...EVENT_FILTERS.map(([value, title]) => element('option', { value }, title)),
  ));
  const copied = element('span.quiet-text', { role: 'status' });
  const body = element('tbody');
  const table = element(
    'table.events', {}, element('thead', {}, element(
      'tr', {}, ...['Time', 'Event', 'Text', 'Stream'].map((title) => element('th', { scope: 'col' }, title)),
    )), body,
  );
  const scroll = element('div.scroll.events-scroll', { tabIndex: 0, role: 'region', 'aria-label': 'Log of events' }, table);
  const empty = element('p.empty');
  /** @type {readonly NodeEvent[]} */
  let events = [];
  /** @type {Map<number, HTMLElement>} */
  let rows = new Map();

  function show() {
    const shown = filteredEvents(events, filter.value);
    const before = scroll.scrollTop;
    const height = scroll.scrollHeight;
    const made = new Map(shown.map((one) => [one.id, rows.get(one.id) ?? eventRow(one)]));
    for (const [id, row] of rows) {
      if (!made.has(id)) row.remove();
    }
    rows = made;
    [...made.values()].forEach((row, index) => {
      if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
    });
    if (before > 0) scroll.scrollTop = before + scroll.scrollHeight - height;
    scroll.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    replaceContent(empty, events.length === 0 ? 'The node has reported no events since the page was opened.'
      : 'No event of this kind.');
  }

  async function copy() {
    const shown = filteredEvents(events, filter.value);
    try {
      await navigator.clipboard.writeText(shown.map(eventLine).join('\n'));
      replaceContent(copied, `Copied ${shown.length} events`);
    } catch {
      replaceContent(copied, 'The browser does not allow to copy: select the rows instead');
    }
  }

  return {
    element: element(
      'div.stack', {},
      element(
        'div.row', {}, element('label', { for: filter.id }, 'Show'), filter,
        element('button', { type: 'button', onclick: copy }, 'Copy'), copied,
      ),
      empty, scroll,
    ),
    update(changed) {
      events = changed ?? [];
      show();
    },
  };
}

/** @param {NodeEvent} event */
function eventRow(event) {
  const badge = createBadge();
  badge.update(eventWord(event.kind));
  const time = element('time', { dateTime: new Date(event.time * 1000).toISOString() }, clockText(event.time));
  return element(
    'tr', {}, element('td', {}, time), element('td', {}, badge.element),
    element('td.event-text', {}, eventText(event), errorLine(event.error_code)),
    element('td.mono', {}, event.stream_id),
  );
}

/** @param {string} code */
function errorLine(code) {
  if (code === '') return null;
  const words = errorWords(code);
  return element('div.quiet-text', {}, element('code', {}, code), words === '' ? '' : ` ${words}`);
}

/**
 * Return an event as a line with tabs.
 * @param {NodeEvent} event
 */
export function eventLine(event) {
  const parts = [new Date(event.time * 1000).toISOString(), event.kind, event.error_code, eventText(event),
    event.stream_id];
  return parts.map((part) => part.replace(/[\t\n]/g, ' ')).join('\t');
}
