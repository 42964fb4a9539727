// The prompt: its form, what the form does at present, and the log of what was sent.

import { createBroadcastNote } from './broadcast_note.js';
import { element, replaceContent } from './dom.js';
import { createPictureChooser } from './picture_chooser.js';
import { createPromptField } from './prompt_field.js';
import { PromptHistory, pageStorage } from './prompt_history.js';
import { createPromptLog } from './prompt_log.js';
import { readiness, refusesPictures } from './prompt_readiness.js';
import { DEFAULT_LIMIT, failureText, promptProblem } from './prompt_text.js';
import { StreamSender } from './stream_sender.js';

/** How long the status may take to tell of a stream that was started. */
const STATUS_LAG_MS = 3000;

/**
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, show?: () => void, hide?: () => void}}
 */
export function createPrompt(context) {
  const { store, api } = context;
  const history = new PromptHistory(pageStorage());
  /** @type {import('./stream_sender.js').StreamRequest[]} */
  let waiting = [];
  let startedStream = '';
  let startedAt = -Infinity;
  let ending = false; // whether the end of the stream is requested

  const field = createPromptField(history, submit, () => fail(''));
  const sender = new StreamSender(api, (requests) => {
    waiting = requests;
    update();
  });
  const send = /** @type {HTMLButtonElement} */ (element('button.primary', { type: 'submit' }, 'Start'));
  const wait = element('span.prompt-wait', { id: 'prompt-wait' });
  const error = element('p.message.prompt-error', { id: 'prompt-error', role: 'alert', data: { level: 'error' } });
  const announcement = element('p.visually-hidden', { role: 'status' });
  const portrait = checkbox('Portrait');
  const broadcast = checkbox('Broadcast');
  broadcast.label.title = 'Spectators can watch the stream';
  const pictures = createPictureChooser(context, fail, () => {
    if (pictures.picture !== undefined && isRunning()) setNew(true);
    update();
  });
  const options = element('fieldset.row.start-options', {},
    element('legend.visually-hidden', {}, 'Options of the start'),
    portrait.label, broadcast.label, pictures.element);
  const another = element('button', {
    type: 'button',
    'aria-pressed': 'false',
    title: 'End the running stream and start another one',
    onclick: () => {
      setNew(another.getAttribute('aria-pressed') !== 'true');
      field.area.focus();
    },
  }, 'New stream');
  const end = /** @type {HTMLButtonElement} */ (
    element('button.danger', { type: 'button', id: 'end-stream', onclick: endStream }, 'End stream'));
  const running = element('div.row.stream-actions', {}, another, end);
  const keys = element('span.prompt-keys', { id: 'prompt-keys' });
  const form = element('form.panel.prompt-form', { onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    submit();
    field.area.focus();
  } },
    element('div.prompt-line', {}, field.element, send),
    error,
    element('p.row.hint.prompt-hints', {}, keys, wait, field.counter),
    element('div.row.prompt-controls', {}, options, running));
  const reason = element('span');
  const toState = element('a', { href: '#state' }, 'Open State'); // kept, so that it keeps the focus
  const unavailable = element('p.message.prompt-unavailable', { data: { level: 'warn' } }, reason, ' ', toState);
  const note = createBroadcastNote();
  const log = createPromptLog((text) => {
    field.setText(text);
    field.area.focus();
  });

  /** @param {string} text */
  function fail(text) {
    replaceContent(error, text);
    if (text) {
      field.area.setAttribute('aria-invalid', 'true');
      error.scrollIntoView({ block: 'nearest' });
    } else field.area.removeAttribute('aria-invalid');
  }

  /** @param {boolean} on */
  function setNew(on) {
    another.setAttribute('aria-pressed', String(on));
    update();
  }

  const isNew = () => another.getAttribute('aria-pressed') === 'true';

  /** Whether a stream runs, or will when what was sent before has taken effect. */
  function isRunning() {
    const status = store.get('status');
    const isStarting = [...(store.get('prompts') ?? []), ...waiting].some(
      ({ kind, state }) => kind === 'start' && (state === undefined || state === 'pending'));
    const isUnknown = status?.stream_id !== startedStream && performance.now() - startedAt < STATUS_LAG_MS;
    return Boolean(status?.streaming) || isStarting || isUnknown;
  }

  function ready() {
    return readiness({
      node: store.get('node'),
      entry: store.get('entry'),
      status: store.get('status'),
      lifecycle: store.get('lifecycle'),
      isOnline: store.get('connected') !== false,
    });
  }

  function update() {
    const now = ready();
    const isOn = isRunning();
    if (!isOn && isNew()) another.setAttribute('aria-pressed', 'false');
    const starts = !isOn || isNew();
    form.hidden = !now.form;
    unavailable.hidden = now.form;
    replaceContent(reason, now.form ? '' : now.text);
    toState.hidden = !now.inState;
    send.disabled = !now.ready;
    replaceContent(send, !isOn ? 'Start' : isNew() ? 'End and start' : 'Send');
    replaceContent(keys, `Enter ${starts ? 'starts a stream' : 'sends'}, Shift+Enter makes a line break`);
    replaceContent(wait, now.form ? now.text : '');
    options.hidden = !starts;
    running.hidden = !isOn;
    pictures.refuse(refusesPictures(store.get('status')) ? 'This streamer cannot start from a picture.' : '');
    field.setLimit(store.get('limits')?.max_prompt_length ?? DEFAULT_LIMIT);
    log.show(store.get('prompts') ?? [], waiting.filter(({ node }) => node === store.get('node')));
    note.show(store.get('node') ?? '', store.get('status'), store.get('events') ?? []);
  }

  async function submit() {
    const now = ready();
    const text = field.text();
    const isOn = isRunning();
    const starts = !isOn || isNew();
    const picture = starts ? pictures.picture : undefined;
    const limit = store.get('limits')?.max_prompt_length ?? DEFAULT_LIMIT;
    const problem = now.ready ? promptProblem(text, limit, picture !== undefined) : now.text;
    fail(problem);
    if (problem !== '') return;
    history.add(text);
    field.setText('');
    const endRunning = isOn && isNew();
    if (endRunning) setNew(false);
    announcement.textContent = 'Sending the prompt';
    const node = store.get('node');
    try {
      const answer = await sender.send({
        kind: starts ? 'start' : 'interact', node, text, endRunning, picture,
        portrait: portrait.input.checked, broadcast: broadcast.input.checked,
      });
      if (starts && store.get('node') === node) {
        startedStream = answer.stream_id;
        startedAt = performance.now();
      }
      if (picture !== undefined && pictures.picture === picture) pictures.clear();
      announcement.textContent = starts ? 'The stream is running' : 'The prompt was acknowledged';
    } catch (failure) {
      announcement.textContent = '';
      if (store.get('node') !== node) return; // the log of that node has the reason
      if (field.text() === '') field.setText(text);
      fail(textOf(failure));
    }
    update();
  }

  /** @param {boolean} now */
  function setEnding(now) {
    ending = now;
    end.setAttribute('aria-disabled', String(now));
  }

  async function endStream() {
    if (ending) return;
    const node = store.get('node');
    const isLate = () => store.get('node') !== node;
    fail('');
    setEnding(true);
    try {
      await sender.end(node);
      if (isLate()) return;
      startedAt = -Infinity;
      announcement.textContent = 'The stream ended';
      if (document.activeElement === end) field.area.focus();
    } catch (failure) {
      if (!isLate()) fail(textOf(failure));
    } finally {
      setEnding(false);
      update();
    }
  }

  for (const name of ['connected', 'node', 'entry', 'status', 'lifecycle', 'limits', 'prompts', 'events']) {
    store.observe(name, update);
  }
  store.observe('node', () => {
    fail('');
    startedAt = -Infinity;
  });
  store.observe('draft', (text) => { // a prompt of a recording, to be sent again
    if (text === undefined) return;
    field.setText(text);
    store.set('draft', undefined);
  });
  update();
  return {
    element: element('section.prompt', { 'aria-label': 'Prompts' }, unavailable, form, note.element, announcement,
      log.element),
    show: pictures.listen,
    hide: pictures.unlisten,
  };
}

/** @param {string} text */
function checkbox(text) {
  const input = /** @type {HTMLInputElement} */ (element('input', { type: 'checkbox' }));
  return { input, label: element('label.choice', {}, input, text) };
}

/** @param {unknown} failure - a `ConsoleError` */
function textOf(failure) {
  const { code, message } = /** @type {import('./api.js').ConsoleError} */ (failure);
  return failureText(code, message);
}
