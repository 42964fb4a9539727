// One job: its state and times, the reason of a failure, and its videos.

import { element } from './dom.js';
import { createJobVideo } from './job_video.js';
import { clockText, hasEnded, isCancellable, levelOf, meaningOf } from './job_texts.js';
import { Polling } from './polling.js';

const BUSY_MS = 2000;
const IDLE_MS = 600_000; // the state of a job that has ended does not change

/**
 * Return the view of a job; `open` shows one, `close` stops to follow it, `jobs` takes newer states.
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, open: (id: string) => void, close: () => void}}
 */
export function createJobView({ api, store }) {
  let id = '';
  let job = /** @type {any} */ (null);
  let node = ''; // whose job it is
  let cancelling = ''; // the job that is being cancelled

  const heading = element('h2', { tabIndex: -1 }, 'Job');
  const badge = element('span.badge');
  const name = element('p.quiet-text.mono');
  const meaning = element('p', { role: 'status' });
  const reason = element('p.message', { role: 'alert', data: { level: 'error' } });
  const problem = element('p.message', { role: 'alert', data: { level: 'error' } });
  const facts = element('dl.facts');
  const cancelButton = element('button.danger', { type: 'button', onclick: cancel }, 'Cancel the job');
  const video = createJobVideo(api);
  const root = element(
    'div.job-view', { hidden: true },
    element('header.row', {}, element('a.back', { href: '#simulations' }, '← All jobs')),
    element('section.panel', { 'aria-label': 'Job' },
      element('header', {}, element('div.row', {}, heading, badge), cancelButton),
      name, meaning, reason, problem, facts),
    video.element,
  );
  const polling = new Polling(load, () => (job !== null && hasEnded(job) ? IDLE_MS : BUSY_MS));

  async function load() {
    const asked = id;
    const asking = store.get('node') ?? '';
    if (asking === '' || store.get('entry') === undefined) return;
    const isLate = () => asked !== id || asking !== store.get('node');
    try {
      const found = await api.get(`/api/simulations/${encodeURIComponent(asked)}`, { node: asking });
      if (isLate()) return;
      job = found;
      problem.textContent = '';
      show();
    } catch (error) {
      if (!isLate()) problem.textContent = /** @type {Error} */ (error).message;
    }
  }

  function show() {
    const isCancelling = cancelling === id;
    badge.textContent = job.status;
    badge.hidden = false;
    badge.dataset.level = levelOf(job.status);
    if (meaning.textContent !== meaningOf(job.status)) meaning.textContent = meaningOf(job.status);
    reason.textContent = job.status === 'failed' ? job.error_message || 'The service gave no reason.' : '';
    if (!isCancellable(job) && document.activeElement === cancelButton) heading.focus();
    cancelButton.hidden = !isCancellable(job);
    cancelButton.setAttribute('aria-disabled', String(isCancelling));
    cancelButton.textContent = isCancelling ? 'Cancelling …' : 'Cancel the job';
    facts.replaceChildren(
      ...factsOf(job).flatMap(([title, text]) => [element('dt', {}, title), element('dd', {}, text)]),
    );
    video.show(store.get('node') ?? '', job);
  }

  async function cancel() {
    if (cancelling !== '' || job === null) return;
    const asked = id;
    cancelling = asked;
    problem.textContent = '';
    show();
    let text = '';
    try {
      await api.post(`/api/simulations/${encodeURIComponent(asked)}/cancel`, { node });
    } catch (error) {
      text = /** @type {Error} */ (error).message;
    }
    cancelling = '';
    if (asked !== id || job === null) return; // another job is shown
    await load();
    if (asked !== id || job === null) return;
    if (text !== '') problem.textContent = text;
    show();
  }

  /** Show that nothing is known of the job. */
  function forget() {
    job = null;
    node = store.get('node') ?? '';
    name.textContent = id;
    badge.hidden = cancelButton.hidden = true;
    meaning.textContent = 'Asking for the job …';
    reason.textContent = problem.textContent = '';
    facts.replaceChildren();
    video.close();
  }

  store.observe('node', () => {
    if (id !== '') forget();
  });

  store.observe('entry', (entry) => {
    if (entry !== undefined && id !== '') polling.now();
  });
  store.observe('jobs', (jobs) => {
    const newer = jobs?.find((/** @type {any} */ one) => one.job_id === id);
    if (newer !== undefined && newer.status !== job?.status) polling.now();
  });
  return {
    element: root,
    open(opened) {
      if (opened !== id) {
        id = opened;
        forget();
      }
      root.hidden = false;
      polling.start();
      heading.focus();
    },
    close() {
      polling.stop();
      video.close();
      id = '';
      root.hidden = true;
    },
  };
}

/**
 * @param {any} job
 * @returns {[string, string][]}
 */
function factsOf(job) {
  const wait = job.estimated_wait_minutes;
  const all = /** @type {[string, string | null][]} */ ([
    ['Submitted', clockText(job.created_at)],
    ['Dispatched', job.dispatched_at === null ? null : clockText(job.dispatched_at)],
    ['Started', job.started_at === null ? null : clockText(job.started_at)],
    ['Ended', job.completed_at === null ? null : clockText(job.completed_at)],
    ['Expected wait', wait === null || hasEnded(job) ? null : `${Math.ceil(wait)} min`],
    ['Region', job.assigned_region || null],
    ['Restarts', job.retry_count > 0 ? String(job.retry_count) : null],
    ['Videos', job.videos > 0 ? String(job.videos) : null],
  ]);
  return /** @type {[string, string][]} */ (all.filter(([, text]) => text !== null));
}
