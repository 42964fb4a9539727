// The keyboard: single keys outside of text fields, each with a description for the list of shortcuts.

/**
 * A key. `run` returns false if the key does nothing now, and is left to the browser.
 * @typedef {{key: string, label: string, run: () => void | false}} Shortcut
 */

const STORAGE_KEY = 'odyssey_console_shortcuts';

/** Controls that use keys themselves; other keys than these still work on a button or a link. */
const TEXT_CONTROLS = 'input:not([type="checkbox"], [type="radio"], [type="button"]), textarea, select, [contenteditable]';
const OWN_KEYS = 'button, a[href], summary, video, input, [role="slider"], [tabindex]:not([tabindex="-1"])';
const KEYS_OF_CONTROLS = new Set([' ', 'Enter', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End']);

export class Shortcuts {
  /** @type {Map<string, Shortcut>} */
  #all = new Map();
  #enabled = stored() !== 'off';

  /** @param {Document} document */
  constructor(document) {
    document.addEventListener('keydown', (event) => this.#pressed(event));
  }

  /**
   * Add a shortcut.
   * @param {string} key - as in `KeyboardEvent.key`
   * @param {string} label - what it does, for the list of shortcuts
   * @param {() => void | false} run - returns false if the key does nothing now
   */
  add(key, label, run) {
    this.#all.set(key, { key, label, run });
  }

  /** All shortcuts, in the order in which they were added. */
  get all() {
    return [...this.#all.values()];
  }

  /** Whether single keys do something; remembered in this browser. */
  get enabled() {
    return this.#enabled;
  }

  set enabled(enabled) {
    this.#enabled = enabled;
    try {
      localStorage.setItem(STORAGE_KEY, enabled ? 'on' : 'off');
    } catch {
      // A browser without storage forgets the choice.
    }
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (!this.#enabled || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const shortcut = this.#all.get(event.key);
    if (shortcut === undefined || isUsedBy(event.target, event.key)) return;
    if (shortcut.run() !== false) event.preventDefault();
  }
}

/**
 * Whether the focused control uses a key itself.
 * @param {EventTarget | null} target
 * @param {string} key
 */
function isUsedBy(target, key) {
  if (!(target instanceof Element)) return false;
  if (target.closest(`${TEXT_CONTROLS}, dialog[open]`) !== null) return true;
  return KEYS_OF_CONTROLS.has(key) && target.closest(OWN_KEYS) !== null;
}

function stored() {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}
