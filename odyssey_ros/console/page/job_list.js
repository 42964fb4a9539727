// The list of the account's simulation jobs: filter, paging, states that follow, and a button that cancels.

import { element, replaceContent } from './dom.js';
import { clockText, hasEnded, isCancellable, levelOf, meaningOf, mergedRows, pageText, shortId } from './job_texts.js';
import { Polling } from './polling.js';

const ROWS = 20;
const FILTERS = [
  ['', 'All jobs'], ['unfinished', 'Unfinished'], ['completed', 'Completed'], ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
];

/** While a job is unfinished, its state is asked for more often. */
const BUSY_MS = 3000;
const IDLE_MS = 15_000;

/**
 * Return the list; `refresh` asks for it again, `show` and `hide` start and stop to follow it.
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, refresh: () => void, show: () => void, hide: () => void}}
 */
export function createJobList({ api, store }) {
  let jobs = /** @type {any[]} */ ([]);
  let total = 0;
  let offset = 0;
  let loaded = false; // whether the node has answered
  let node = '';
  let drawn = '';
  /** @type {Map<string, string>} */
  const problems = new Map(); // of cancelling, by job
  /** @type {Set<string>} */
  const cancelling = new Set();

  const filter = /** @type {HTMLSelectElement} */ (element(
    'select', { onchange: () => turnTo(0) },
    ...FILTERS.map(([value, title]) => element('option', { value }, title)),
  ));
  const rows = element('ul.job-rows');
  const count = element('span.quiet-text.number', { role: 'status' });
  const previous = turnButton('← Newer', () => turnTo(offset - ROWS));
  const next = turnButton('Older →', () => turnTo(offset + ROWS));
  const problem = element('p.message', { role: 'alert', data: { level: 'error' } });
  const empty = element('p.empty', { hidden: true });
  const root = element(
    'section.panel.job-list', { 'aria-label': 'Jobs' },
    element('header', {}, element('h2', {}, 'Jobs'), element('div.row', {},
      element('label.visually-hidden', { for: 'job-filter' }, 'Show'), filter,
      element('button', { type: 'button', onclick: () => polling.now() }, 'Refresh'))),
    problem, rows, empty, element('div.row.job-pages', {}, previous, count, next),
  );
  filter.id = 'job-filter';
  const polling = new Polling(load, () => (jobs.every(hasEnded) ? IDLE_MS : BUSY_MS));

  /** @param {number} to */
  function turnTo(to) {
    offset = Math.max(0, to);
    polling.now();
  }

  async function load() {
    const asked = { node: store.get('node') ?? '', status: filter.value, offset };
    if (!canList()) {
      jobs = [];
      total = 0;
      problem.textContent = '';
      show();
      return;
    }
    try {
      const answer = await api.get('/api/simulations', { ...asked, limit: ROWS });
      if (isLate(asked)) return;
      problem.textContent = '';
      jobs = mergedRows(answer.jobs, store.get('jobs') ?? []);
      total = answer.total;
      loaded = true;
      show();
    } catch (error) {
      if (!isLate(asked)) problem.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** @param {{node: string, status: string, offset: number}} asked */
  function isLate(asked) {
    return asked.node !== store.get('node') || asked.status !== filter.value || asked.offset !== offset;
  }

  function show() {
    const shown = [jobs, total, offset, loaded, [...problems], [...cancelling], filter.value, store.get('entry')?.name];
    const state = JSON.stringify(shown);
    if (state === drawn) return; // a row that is made again would be read out again
    drawn = state;
    const focused = rows.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    const key = focused?.dataset.key;
    rows.replaceChildren(...jobs.map(row));
    if (key) keyed(key, `open ${key.slice(key.indexOf(' ') + 1)}`)?.focus();
    replaceContent(count, jobs.length > 0 || offset > 0 ? pageText(offset, jobs.length, total) : '');
    previous.hidden = next.hidden = total <= ROWS && offset === 0;
    previous.disabled = offset === 0;
    next.disabled = offset + jobs.length >= total;
    empty.hidden = jobs.length > 0;
    empty.textContent = reasonOfNothing();
  }

  /**
   * Return the first control that there is: a job that cannot be cancelled any more has only its link.
   * @param {...string} keys
   * @returns {HTMLElement | null}
   */
  function keyed(...keys) {
    const found = keys.map((key) => rows.querySelector(`[data-key="${CSS.escape(key)}"]`));
    return /** @type {HTMLElement | null} */ (found.find((one) => one !== null) ?? null);
  }

  function canList() {
    return store.get('entry')?.can.includes('list_simulation_jobs') ?? false;
  }

  function reasonOfNothing() {
    const entry = store.get('entry');
    if (entry === undefined) return 'Choose a bridge at the top of the page to see its jobs.';
    if (!canList()) return `${entry.name} is a ${entry.kind}, which has no jobs: choose a bridge.`;
    if (!loaded) return 'Asking for the jobs …';
    return filter.value === '' ? 'There is no job yet.' : 'There is no such job.';
  }

  /** @param {any} job */
  function row(job) {
    const id = job.job_id;
    const refusal = problems.get(id);
    const isCancelling = cancelling.has(id);
    return element(
      'li', {},
      element('div.row', {},
        element('span.badge', { data: { level: levelOf(job.status) } }, job.status),
        element('a.mono', {
          href: `#simulations/${encodeURIComponent(id)}`, title: id, data: { key: `open ${id}` },
        }, shortId(id)),
        element('time.quiet-text', {}, clockText(job.created_at)),
        job.status !== 'processing' ? null : element('span.quiet-text', { title: meaningOf(job.status) }, 'runs to its end'),
        !isCancellable(job) ? null : element('button.danger', {
          type: 'button', 'aria-disabled': String(isCancelling), 'aria-label': `Cancel job ${id}`,
          data: { key: `cancel ${id}` }, onclick: () => cancel(id),
        }, isCancelling ? 'Cancelling …' : 'Cancel')),
      job.status === 'failed' && job.error_message ? element('p.error', {}, job.error_message) : null,
      refusal ? element('p.error', { role: 'alert' }, refusal) : null,
    );
  }

  /** @param {string} id */
  async function cancel(id) {
    if (cancelling.has(id)) return;
    cancelling.add(id);
    problems.delete(id);
    show();
    try {
      const path = `/api/simulations/${encodeURIComponent(id)}/cancel`;
      const job = await api.post(path, { node: store.get('node') ?? '' });
      jobs = mergedRows(jobs, [job]);
    } catch (error) {
      problems.set(id, /** @type {Error} */ (error).message);
    } finally {
      cancelling.delete(id);
      show();
      polling.now();
    }
  }

  function nodeChanged() {
    if (store.get('node') === node) return;
    node = store.get('node') ?? '';
    jobs = [];
    total = offset = 0;
    loaded = false;
    problem.textContent = '';
    problems.clear();
    show();
    polling.now();
  }

  store.observe('node', nodeChanged);
  store.observe('entry', (entry) => {
    if (entry !== undefined) polling.now();
  });
  store.observe('jobs', (newer) => {
    if (newer === undefined) return;
    jobs = mergedRows(jobs, newer);
    show();
  });
  return { element: root, refresh: () => polling.now(), show: () => polling.start(), hide: () => polling.stop() };
}

/**
 * @param {string} text
 * @param {() => void} onclick
 * @returns {HTMLButtonElement}
 */
function turnButton(text, onclick) {
  return /** @type {HTMLButtonElement} */ (element('button', { type: 'button', onclick }, text));
}
