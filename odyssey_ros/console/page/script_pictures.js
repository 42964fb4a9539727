// The pictures that a script names: attached by button or drop, kept in the page, and uploaded with the job.

import { element } from './dom.js';

const MAX_PICTURES = 8;
const MAX_BYTES = 25 * 1024 * 1024;

/**
 * @typedef {object} ScriptPictures
 * @property {HTMLElement} element - the list
 * @property {HTMLElement} button - the button that attaches pictures
 * @property {string[]} names
 * @property {(files: readonly File[]) => void} add
 * @property {(upload: (file: File) => Promise<{id: string}>) => Promise<Record<string, string>>} upload
 */

/**
 * Return the list of attached pictures.
 * @param {() => void} changed - called when a picture was attached or removed
 * @returns {ScriptPictures}
 */
export function createScriptPictures(changed) {
  /** @type {Map<string, File>} */
  const files = new Map();
  const list = element('ul.script-pictures', { hidden: true, 'aria-label': 'Attached pictures' });
  const problem = element('p.error', { role: 'alert' });
  const input = /** @type {HTMLInputElement} */ (element('input', {
    type: 'file', accept: 'image/*,.heic,.heif,.avif', multiple: true, hidden: true, 'aria-label': 'Pictures',
    onchange: () => {
      add([...(input.files ?? [])]);
      input.value = '';
    },
  }));
  const button = element('button', { type: 'button', onclick: () => input.click() }, 'Attach pictures …');

  /** @param {readonly File[]} added */
  function add(added) {
    const problems = [];
    for (const file of added) {
      const reason = refusal(file);
      if (reason) problems.push(reason);
      else files.set(file.name, file);
    }
    problem.textContent = problems.join(' ');
    show();
    changed();
  }

  /** @param {File} file */
  function refusal(file) {
    if (file.size > MAX_BYTES) return `${file.name} has more than 25 MiB: reduce it.`;
    if (file.size === 0) return `${file.name} is empty: choose another picture.`;
    if (!files.has(file.name) && files.size >= MAX_PICTURES) {
      return `${file.name} is one too many: a job can have ${MAX_PICTURES} pictures.`;
    }
    return '';
  }

  function show() {
    list.hidden = files.size === 0;
    list.replaceChildren(...[...files.keys()].map((name) => element(
      'li', {}, element('code', {}, name),
      element('button.quiet', {
        type: 'button', 'aria-label': `Remove ${name}`,
        onclick: () => {
          files.delete(name);
          show();
          button.focus();
          changed();
        },
      }, 'Remove'),
    )));
  }

  return {
    element: element('div.script-attached', {}, list, problem, input),
    button,
    get names() {
      return [...files.keys()];
    },
    add,
    async upload(upload) {
      const ids = await Promise.all([...files].map(async ([name, file]) => {
        try {
          return [name, (await upload(file)).id];
        } catch (error) {
          throw new Error(`${name}: ${/** @type {Error} */ (error).message}`);
        }
      }));
      return Object.fromEntries(ids);
    },
  };
}
