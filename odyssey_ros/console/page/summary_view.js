// The state of the chosen node beside the picture, in short: what is wrong, and what to do next.

import { createBadge } from './badge.js';
import { element, replaceContent } from './dom.js';
import { errorWords } from './error_words.js';
import { eventText, lastError } from './event_filter.js';
import { followWhileShown } from './follow.js';
import { createLifecycleControl } from './lifecycle_control.js';
import { streamWord } from './state_connection.js';
import { absenceText } from './state_view.js';
import { LEVEL_WORDS, connectionWord, playbackWord, worstOf } from './state_words.js';
import { clockText } from './time_text.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, show: () => void, hide: () => void}}
 */
export function createSummary(context) {
  const { store } = context;
  const absent = element('p.message', { data: { level: 'warn' } });
  const lifecycle = createLifecycleControl(context, { all: false });
  const connection = createBadge();
  const stream = createBadge();
  const playback = createBadge();
  const reason = element('p.quiet-text');
  const health = createBadge();
  health.element.classList.add('level');
  const healthText = element('p.quiet-text');
  const error = element('div.message', { data: { level: 'error' } });
  let shownError = '';
  const rows = {
    lifecycle: row('Lifecycle', lifecycle.element),
    connection: row('Connection', connection.element, reason),
    stream: row('Stream', stream.element),
    playback: row('Playback', playback.element),
    health: row('Diagnostics', health.element, healthText),
  };
  const list = element('dl.summary-rows', {}, ...Object.values(rows));

  function refresh() {
    const [node, entry, status, played] = ['node', 'entry', 'status', 'playback'].map((name) => store.get(name));
    replaceContent(absent, absenceText(node, entry, store.get('nodes') !== undefined));
    list.hidden = !entry;
    lifecycle.update(store.get('lifecycle'));
    rows.connection.hidden = rows.stream.hidden = !status;
    rows.playback.hidden = !played;
    if (status) {
      connection.update(connectionWord(status));
      stream.update(streamWord(status));
    }
    if (played) playback.update(playbackWord(played));
    replaceContent(reason, status && status.error_code === '' ? status.message : '');
    const worst = worstOf(store.get('diagnostics') ?? []);
    rows.health.hidden = worst === undefined;
    if (worst !== undefined) {
      const { icon, text } = LEVEL_WORDS[worst.level] ?? LEVEL_WORDS.stale;
      health.update({ text: `${icon} ${text}`, level: worst.level });
      replaceContent(healthText, worst.level === 'ok' ? '' : `${worst.name}: ${worst.message}`);
    }
    showError(status ?? played);
  }

  /** @param {any} state - of the stream or of the playback */
  function showError(state) {
    const last = lastError(store.get('events') ?? []);
    let parts = /** @type {[string, string, string] | null} */ (null);
    if (state && state.error_code !== '') parts = ['The last error', state.error_code, state.message];
    else if (last !== undefined) parts = [`Error at ${clockText(last.time)}`, last.error_code, eventText(last)];
    const key = JSON.stringify(parts);
    if (key === shownError) return; // a selected text stays selected
    shownError = key;
    error.replaceChildren(...(parts === null ? [] : [errorPart(...parts)]));
  }

  return {
    element: element(
      'section.summary.panel', { 'aria-label': 'Summary' },
      element('header', {}, element('h2', {}, 'State'), element('a', { href: '#state' }, 'Details')),
      absent, list, error,
    ),
    ...followWhileShown(
      store, ['nodes', 'node', 'entry', 'status', 'playback', 'lifecycle', 'diagnostics', 'events'], refresh,
    ),
  };
}

/**
 * @param {string} name
 * @param {...HTMLElement} content
 */
function row(name, ...content) {
  return element('div', {}, element('dt', {}, name), element('dd', {}, ...content));
}

/**
 * @param {string} title
 * @param {string} code
 * @param {string} text
 */
function errorPart(title, code, text) {
  const words = text || errorWords(code);
  return element('div', {}, element('strong', {}, `${title}: `), words, ' ', element('code', {}, code));
}
