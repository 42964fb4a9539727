// Chooses the start picture: by a button, by dropping it anywhere on the live view, or by pasting it.

import { element, replaceContent } from './dom.js';
import { ChosenPicture, pictureProblem, transferredFile } from './start_picture.js';

/**
 * @typedef {object} PictureChooser
 * @property {HTMLElement} element
 * @property {ChosenPicture | undefined} picture - the chosen picture
 * @property {() => void} clear
 * @property {(reason: string) => void} refuse - refuses pictures for a reason; an empty one allows them
 * @property {() => void} listen - starts to take dropped and pasted pictures
 * @property {() => void} unlisten
 */

/**
 * Return the chooser.
 * @param {import('./main.js').Context} context
 * @param {(reason: string) => void} failed - called with the reason why a picture cannot be used; empty for none
 * @param {() => void} changed - called when a picture was chosen or removed
 * @returns {PictureChooser}
 */
export function createPictureChooser({ store, api }, failed, changed) {
  let refusal = '';
  const input = /** @type {HTMLInputElement} */ (element('input', {
    type: 'file',
    accept: 'image/*,.heic,.heif,.avif',
    hidden: true,
    'aria-label': 'Start picture',
    onchange: () => {
      choose(input.files?.[0]);
      input.value = ''; // so that the same file can be chosen again
    },
  }));
  const button = /** @type {HTMLButtonElement} */ (element('button', {
    type: 'button',
    title: 'You can also drop a picture on the page or paste it',
    onclick: () => input.click(),
  }, 'Start picture …'));
  const preview = element('div.start-picture', { hidden: true });
  const details = element('span.hint.number');
  const reason = element('span.hint');
  const chooser = {
    element: element('div.row', {}, button, input, preview, reason),
    /** @type {ChosenPicture | undefined} */
    picture: undefined,
    clear,
    refuse(/** @type {string} */ text) {
      refusal = text;
      button.disabled = text !== '';
      replaceContent(reason, text);
    },
    listen() {
      for (const [name, listener] of listeners) document.addEventListener(name, listener);
    },
    unlisten() {
      for (const [name, listener] of listeners) document.removeEventListener(name, listener);
      highlight(false);
    },
  };

  /** @param {File | undefined} file */
  function choose(file) {
    if (file === undefined) return;
    const problem = refusal || pictureProblem(file);
    failed(problem);
    if (problem !== '') return;
    chooser.picture?.release();
    const picture = new ChosenPicture(file, store.get('node') ?? '');
    chooser.picture = picture;
    show(picture);
    changed();
    picture.upload(api).then(
      ({ width, height }) => {
        if (chooser.picture === picture) details.textContent = `${width} x ${height}`;
      },
      (/** @type {Error} */ error) => {
        if (chooser.picture !== picture) return;
        clear();
        failed(`${picture.name}: ${error.message}`);
      },
    );
  }

  function clear() {
    if (chooser.picture === undefined) return;
    const hadFocus = preview.contains(document.activeElement);
    chooser.picture.release();
    chooser.picture = undefined;
    preview.hidden = true;
    preview.replaceChildren();
    button.hidden = false;
    if (hadFocus) button.focus();
    changed();
  }

  /** @param {ChosenPicture} picture */
  function show(picture) {
    details.textContent = 'Uploading …';
    const image = element('img', {
      src: picture.url,
      alt: `Start picture ${picture.name}`,
      // The browser cannot show every picture that a stream can start from, such as HEIC.
      onerror: () => image.replaceWith(element('span.hint', {}, 'No preview')),
    });
    preview.replaceChildren(
      image,
      element('span.start-picture-name', { title: picture.name }, picture.name),
      details,
      element('button.quiet', { type: 'button', 'aria-label': 'Remove the start picture', onclick: clear }, 'Remove'),
    );
    preview.hidden = false;
    button.hidden = true;
  }

  /** @param {boolean} on */
  function highlight(on) {
    document.querySelector('.live')?.classList.toggle('takes-picture', on);
  }

  /** @type {[string, (event: any) => void][]} */
  const listeners = [
    ['dragover', (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      highlight(true);
    }],
    ['dragleave', (/** @type {DragEvent} */ event) => {
      if (event.relatedTarget === null) highlight(false);
    }],
    ['drop', (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      highlight(false);
      choose(transferredFile(event.dataTransfer));
    }],
    ['paste', (/** @type {ClipboardEvent} */ event) => {
      const file = transferredFile(event.clipboardData);
      if (file === undefined || pastesText(event)) return;
      event.preventDefault();
      choose(file);
    }],
  ];
  return chooser;
}

/**
 * Return whether a text is pasted into a field. Some programs add a picture of the text.
 * @param {ClipboardEvent} event
 */
function pastesText({ clipboardData, target }) {
  const isField = target instanceof Element && target.matches('textarea, input');
  return isField && clipboardData?.getData('text/plain').trim() !== '';
}
