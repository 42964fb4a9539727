// The form of a new job: the editor, its mistakes, attached pictures, the preview, and the button that submits.

import { confirmed } from './confirm.js';
import { element } from './dom.js';
import { ScriptChecker } from './script_checker.js';
import { keepDraft, keptDraft } from './script_draft.js';
import { createScriptEditor } from './script_editor.js';
import { createScriptPictures } from './script_pictures.js';
import { createScriptPreview } from './script_preview.js';
import { EXAMPLE } from './script_text.js';
import { resultText } from './script_texts.js';

const SCRIPT_FILE = /\.(ya?ml|json|txt)$/i;
const MAX_FILE_BYTES = 1024 * 1024;
const DEFAULT_NAME = 'script.yaml';
const REPLACE = {
  title: 'Replace the script?', text: 'The script in the editor is not kept anywhere else.', action: 'Replace',
};

/**
 * Return the form.
 * @param {import('./main.js').Context} context
 * @param {(job: any) => void} submitted - called with the job that was submitted
 * @returns {{element: HTMLElement, preview: HTMLElement}}
 */
export function createSimulationForm({ api, store }, submitted) {
  let name = DEFAULT_NAME; // of the file: it is JSON if it ends with .json
  let result = /** @type {any} */ (null); // of the last check; null while the text is not checked
  let busy = false;

  const state = element('p.script-state', { role: 'status' });
  const mistakes = element('ul.script-mistakes', { id: 'script-mistakes', 'aria-label': 'Mistakes' });
  const hint = element(
    'p.hint', { id: 'script-hint' },
    'Tab indents; Esc, then Tab leaves the editor. Ctrl+Enter submits. Drop script files and pictures here.',
  );
  const editor = createScriptEditor({ changed: textChanged, submit, describedBy: 'script-hint script-mistakes' });
  const pictures = createScriptPictures(changed);
  const preview = createScriptPreview();
  const portrait = /** @type {HTMLInputElement} */ (element('input', { type: 'checkbox', onchange: changed }));
  const portraitText = element('span', {}, 'Portrait');
  const file = /** @type {HTMLInputElement} */ (element('input', {
    type: 'file', accept: '.yaml,.yml,.json', hidden: true, 'aria-label': 'Script file',
    onchange: () => {
      open([...(file.files ?? [])]);
      file.value = '';
    },
  }));
  const button = /** @type {HTMLButtonElement} */ (element('button.primary', { type: 'submit' }, 'Submit'));
  const problem = element('p.message', { role: 'alert', data: { level: 'error' } });
  const done = element('p.message', { role: 'status', data: { level: 'ok' } });
  const form = element(
    'form.panel.simulation-form', {
      'aria-label': 'New job',
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        submit();
      },
      ondragover: (/** @type {DragEvent} */ event) => {
        if (!event.dataTransfer?.types.includes('Files')) return;
        event.preventDefault();
        form.classList.add('takes-files');
      },
      ondragleave: (/** @type {DragEvent} */ event) => {
        if (!form.contains(/** @type {Node | null} */ (event.relatedTarget))) form.classList.remove('takes-files');
      },
      ondrop: (/** @type {DragEvent} */ event) => {
        if (!event.dataTransfer?.types.includes('Files')) return;
        event.preventDefault();
        form.classList.remove('takes-files');
        open([...event.dataTransfer.files]);
      },
    },
    element('header', {}, element('h2', {}, 'New job'), element('div.row', {},
      element('button', { type: 'button', onclick: () => load(EXAMPLE, DEFAULT_NAME) }, 'Example'),
      element('button', { type: 'button', onclick: () => file.click() }, 'Open file …'), file)),
    element('div.field', {}, element('label', { for: 'script' }, 'Script'), editor.element, hint),
    state, mistakes, pictures.element,
    element('div.row', {}, button, pictures.button, element('label.choice', {}, portrait, portraitText)),
    problem, done,
    element('p.hint', {}, 'The node runs the job to its end, also when you close this page or stop the console.'),
  );
  const checker = new ScriptChecker(
    (request) => api.post('/api/scripts/check', { node: store.get('node') ?? '' }, request), request, showResult,
    (error) => {
      state.textContent = error.message;
      state.dataset.level = 'error';
    },
  );

  function request() {
    return {
      text: editor.text, name, portrait: portrait.checked,
      pictures: Object.fromEntries(pictures.names.map((one) => [one, ''])),
    };
  }

  function textChanged() {
    done.textContent = '';
    changed();
  }

  function changed() {
    keepDraft({ text: editor.text, name, portrait: portrait.checked });
    result = null;
    problem.textContent = '';
    if (editor.text.trim() !== '') {
      state.textContent = 'Checking …';
      delete state.dataset.level;
      scheduleCheck();
    } else {
      showNothing();
    }
  }

  /** Check the text, unless the server does not know this page yet. */
  function scheduleCheck() {
    if (editor.text.trim() !== '' && store.get('session') !== undefined) checker.schedule();
  }

  function showNothing() {
    state.textContent = 'Write a script, open a file, or start from the example.';
    delete state.dataset.level;
    mistakes.replaceChildren();
    editor.mark([]);
    preview.show(null);
  }

  /** @param {any} answer */
  function showResult(answer) {
    if (editor.text.trim() === '') return;
    result = answer;
    state.textContent = resultText(answer);
    state.dataset.level = answer.ok ? 'ok' : 'error';
    mistakes.replaceChildren(...answer.errors.map(mistakeItem));
    editor.mark(answer.errors);
    preview.show(answer);
    const set = answer.ok && answer.summary.portrait_in_text;
    portrait.disabled = set;
    if (set) portrait.checked = answer.summary.portrait;
    portraitText.textContent = set ? 'Portrait (set by the text)' : 'Portrait';
  }

  /** @param {import('./script_editor.js').Mistake} mistake */
  function mistakeItem({ line, column, message }) {
    if (line === null) return element('li', {}, message);
    return element('li', {}, element('button.quiet', {
      type: 'button', onclick: () => editor.goTo(line, column ?? 1),
    }, `Line ${line}, column ${column}`), ` ${message}`);
  }

  /**
   * @param {string} text
   * @param {string} from - the name of the file
   */
  async function load(text, from) {
    const isKept = editor.text.trim() === '' || editor.text === EXAMPLE || editor.text === text;
    if (!isKept && !(await confirmed(REPLACE))) return;
    name = from;
    editor.text = text;
    textChanged();
    editor.field.focus();
    editor.field.setSelectionRange(0, 0);
    editor.field.scrollTop = 0;
  }

  /** @param {readonly File[]} files */
  async function open(files) {
    const scripts = files.filter((one) => SCRIPT_FILE.test(one.name));
    const others = files.filter((one) => !SCRIPT_FILE.test(one.name));
    if (others.length > 0) pictures.add(others);
    if (scripts.length === 0) return;
    problem.textContent = '';
    if (scripts.length > 1) problem.textContent = 'Open one script file at a time: each is a job.';
    else if (scripts[0].size > MAX_FILE_BYTES) problem.textContent = `${scripts[0].name} has more than 1 MiB.`;
    else await load((await scripts[0].text()).replace(/\r\n?/g, '\n'), scripts[0].name);
  }

  async function submit() {
    if (busy) return;
    done.textContent = problem.textContent = '';
    const refusal = reasonNotToSubmit();
    if (refusal) {
      problem.textContent = refusal;
      return;
    }
    setBusy(true);
    const node = store.get('node') ?? '';
    try {
      const uploaded = await pictures.upload((picture) => api.post('/api/simulations/picture', { node }, picture));
      const job = await api.post('/api/simulations', { node }, { ...request(), pictures: uploaded });
      const link = element('a', { href: `#simulations/${encodeURIComponent(job.job_id)}` }, 'watch the job');
      done.replaceChildren('The job is submitted: ', link);
      submitted(job);
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
      checker.check(); // marks the place, if the text has a mistake
    } finally {
      setBusy(false);
    }
  }

  function reasonNotToSubmit() {
    if (editor.text.trim() === '') return 'There is no script: write one, open a file, or start from the example.';
    if (result !== null && !result.ok) return 'Correct the mistakes first; they are listed above.';
    const entry = store.get('entry');
    if (entry === undefined) return 'No node is chosen: start a bridge, and choose it at the top of the page.';
    if (!entry.can.includes('run_simulation')) {
      return `${entry.name} is a ${entry.kind}, which runs no jobs: choose a bridge at the top of the page.`;
    }
    return '';
  }

  /** @param {boolean} now */
  function setBusy(now) {
    busy = now;
    button.setAttribute('aria-disabled', String(now));
    button.textContent = now ? 'Submitting …' : 'Submit';
  }

  const draft = keptDraft();
  if (draft !== null) {
    editor.text = draft.text;
    name = draft.name || DEFAULT_NAME;
    portrait.checked = draft.portrait;
  }
  changed();
  store.observe('session', scheduleCheck);
  store.observe('limits', scheduleCheck); // the limit of prompts belongs to the node
  return { element: form, preview: preview.element };
}
