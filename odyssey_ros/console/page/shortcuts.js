// The keyboard: single keys outside of text fields, each with a description for the list of shortcuts.

/** @typedef {{key: string, label: string, run: () => void}} Shortcut */

export class Shortcuts {
  /** @type {Map<string, Shortcut>} */
  #all = new Map();

  /** @param {Document} document */
  constructor(document) {
    document.addEventListener('keydown', (event) => this.#pressed(event));
  }

  /**
   * Add a shortcut.
   * @param {string} key - as in `KeyboardEvent.key`
   * @param {string} label - what it does, for the list of shortcuts
   * @param {() => void} run
   */
  add(key, label, run) {
    this.#all.set(key, { key, label, run });
  }

  /** All shortcuts, in the order in which they were added. */
  get all() {
    return [...this.#all.values()];
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const shortcut = this.#all.get(event.key);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run();
  }
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof Element && target.closest('input, textarea, select, [contenteditable], dialog[open]') !== null;
}
