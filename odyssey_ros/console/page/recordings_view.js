// The recordings of the chosen bridge: a list with pages, and the player of the one that the address names.

import { element } from './dom.js';
import { recordingCard } from './recording_card.js';
import { createRecordingPlayer } from './recording_player.js';
import { adviceText, rangeText } from './recording_texts.js';

const PAGE_SIZE = 12;
const STORED_LATER_MS = 4000;

/**
 * @param {import('./main.js').Context} context
 * @returns {import('./tabs.js').View}
 */
export function createRecordingsView(context) {
  const { api, store } = context;
  let shown = false;
  let opened = ''; // the recording that is open
  let offset = 0;
  let total = 0;
  let rows = /** @type {import('./recording_texts.js').Recording[]} */ ([]);
  let request = 0;
  let returnTo = ''; // the recording whose card gets the focus when the list is shown again
  let focusFirst = false; // after the keyboard has turned the page
  let later = 0;
  let unobserve = /** @type {(() => void)[]} */ ([]);

  const player = createRecordingPlayer(context);
  const range = element('span.number', { role: 'status' });
  const newer = button('Newer', () => turn(-PAGE_SIZE));
  const older = button('Older', () => turn(PAGE_SIZE));
  const pager = element('div.row', { role: 'group', 'aria-label': 'Pages' }, newer, older);
  const refresh = button('Refresh', () => load());
  const problem = element('p.message', { role: 'alert', data: { level: 'error' } });
  const pictureProblem = element('p.message', { data: { level: 'warn' } });
  const empty = element('p.empty');
  const cards = element('ul.cards.recording-cards', { 'aria-label': 'Recordings', onkeydown: moveByKey });
  const list = element(
    'div.recordings-list', {},
    element('header.row', {}, element('h2', {}, 'Recordings'), range, pager, refresh),
    problem, pictureProblem, empty, cards,
  );

  function canList() {
    return store.get('entry')?.can?.includes('list_recordings') ?? false;
  }

  async function load() {
    const node = store.get('node') ?? '';
    const number = ++request;
    list.removeAttribute('aria-busy'); // of an answer that is not wanted any more
    if (!shown || node === '' || store.get('entry') === undefined) {
      render();
      return;
    }
    if (!canList()) {
      total = 0;
      rows = [];
      render();
      return;
    }
    list.setAttribute('aria-busy', 'true');
    try {
      const page = await api.get('/api/recordings', { node, limit: PAGE_SIZE, offset });
      if (number !== request) return;
      ({ total, recordings: rows } = page);
      problem.textContent = page.ignored > 0 ? `${page.ignored} recordings have an invalid id and are not shown.` : '';
    } catch (error) {
      if (number !== request) return;
      const { message, code } = /** @type {import('./api.js').ConsoleError} */ (error);
      rows = [];
      problem.textContent = [message, adviceText(code)].filter(Boolean).join(' ');
    }
    list.removeAttribute('aria-busy');
    render();
  }

  function render() {
    const node = store.get('node') ?? '';
    const focusedId = focusedCard()?.dataset.stream ?? '';
    pictureProblem.textContent = '';
    cards.replaceChildren(...rows.map((row) => recordingCard(row, node, explainPicture)));
    cards.hidden = rows.length === 0;
    empty.hidden = rows.length > 0 || problem.textContent !== '';
    empty.textContent = emptyText(node);
    range.textContent = canList() ? rangeText(offset, rows.length, total) : '';
    pager.hidden = offset === 0 && rows.length >= total;
    setUsable(newer, offset > 0);
    setUsable(older, offset + rows.length < total);
    refresh.disabled = !canList();
    player.describe(rows.find((row) => row.stream_id === opened));
    if (opened === '') focusCard(returnTo || focusedId);
    returnTo = '';
    if (focusFirst) cards.querySelector('a')?.focus();
    focusFirst = false;
  }

  /** @param {string} node */
  function emptyText(node) {
    if (node === '') return 'There is no node on the graph.';
    if (store.get('entry') === undefined) return `${node} is not on the graph.`;
    if (!canList()) return `${node} has no recordings: choose a bridge.`;
    return 'There are no recordings yet. Each stream of the bridge is recorded, and is listed here from its start.';
  }

  /**
   * Show another page; return whether there is one.
   * @param {number} rowCount
   */
  function turn(rowCount) {
    const target = Math.max(0, offset + rowCount);
    if (target === offset || (rowCount > 0 && target >= total)) return false;
    offset = target;
    load();
    return true;
  }

  /**
   * Show once why thumbnails are missing: an `img` does not tell.
   * @param {string} url
   */
  async function explainPicture(url) {
    if (pictureProblem.textContent !== '') return;
    const number = request;
    pictureProblem.textContent = 'A thumbnail cannot be shown.';
    try {
      const response = await fetch(url);
      if (response.ok) return;
      const { message } = await response.json();
      if (number === request) pictureProblem.textContent = message;
    } catch {
      // The notice about the lost connection says why.
    }
  }

  function focusedCard() {
    return /** @type {HTMLElement | null} */ (document.activeElement?.closest('.recording-cards > li') ?? null);
  }

  /** @param {string} id */
  function focusCard(id) {
    if (id === '') return;
    const card = [...cards.children].find((one) => /** @type {HTMLElement} */ (one).dataset.stream === id);
    card?.querySelector('a')?.focus();
  }

  /** @param {KeyboardEvent} event */
  function moveByKey(event) {
    const card = focusedCard();
    if (card === null || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const all = /** @type {HTMLElement[]} */ ([...cards.children]);
    const columns = all.filter((one) => one.offsetTop === all[0].offsetTop).length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const pages = { PageUp: -PAGE_SIZE, PageDown: PAGE_SIZE };
    if (event.key in steps) all[all.indexOf(card) + steps[event.key]]?.querySelector('a')?.focus();
    else if (event.key in pages) focusFirst = turn(pages[event.key]);
    else return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  function leaveByKey(event) {
    if (event.key !== 'Escape' || opened === '' || event.defaultPrevented) return;
    if (document.fullscreenElement || document.querySelector('dialog[open]')) return;
    event.preventDefault();
    location.hash = '#recordings';
  }

  function nodeChanged() {
    offset = 0;
    total = 0;
    rows = [];
    problem.textContent = '';
    reopen();
    load();
  }

  function reopen() {
    list.hidden = opened !== '';
    if (opened === '') player.close();
    else if (store.get('node') && store.get('entry') !== undefined) player.open(store.get('node'), opened);
  }

  let stream = '';
  /** @param {any} status - of the chosen node; a stream that starts or ends changes the list */
  function follow(status) {
    const id = status?.stream_id ?? '';
    if (id === stream) return;
    stream = id;
    load();
    clearTimeout(later);
    later = setTimeout(load, STORED_LATER_MS);
  }

  return {
    element: element('div.recordings', {}, list, player.element),
    show() {
      shown = true;
      stream = store.get('status')?.stream_id ?? '';
      document.addEventListener('keydown', leaveByKey);
      render();
      unobserve = [store.observe('status', follow), observeNode(store, nodeChanged)];
    },
    hide() {
      shown = false;
      opened = '';
      document.removeEventListener('keydown', leaveByKey);
      clearTimeout(later);
      unobserve.forEach((stop) => stop());
      player.close();
      list.hidden = false;
    },
    open(rest) {
      if (rest === opened) return;
      returnTo = opened;
      opened = rest;
      reopen();
      render();
    },
  };
}

/**
 * Call a function now, and whenever another node is chosen, comes or goes.
 * @param {import('./store.js').Store} store
 * @param {() => void} changed
 */
function observeNode(store, changed) {
  let seen = '';
  return store.observe('entry', () => {
    const now = `${store.get('node')} ${store.get('entry')?.can?.includes('list_recordings')}`;
    if (now === seen) return;
    seen = now;
    changed();
  });
}

/**
 * Say whether a button does something. It keeps the focus, unlike a disabled button.
 * @param {HTMLButtonElement} made
 * @param {boolean} usable
 */
function setUsable(made, usable) {
  if (usable) made.removeAttribute('aria-disabled');
  else made.setAttribute('aria-disabled', 'true');
}

/**
 * @param {string} text
 * @param {() => void} onclick
 */
function button(text, onclick) {
  return /** @type {HTMLButtonElement} */ (element('button', { type: 'button', onclick }, text));
}
