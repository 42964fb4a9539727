// The operator's own earlier prompts, kept in this browser.

import { PROMPTS_KEY } from './kept_texts.js';

const MAX_PROMPTS = 50;
const MAX_LENGTH = 4096;

export class PromptHistory {
  /** @type {string[]} oldest first */
  #prompts;
  #at;
  #draft = '';

  /** @param {Storage | undefined} storage - undefined where the browser has none for this page */
  constructor(storage) {
    this.storage = storage;
    this.#prompts = read(storage);
    this.#at = this.#prompts.length;
  }

  /**
   * Add a prompt, as the newest.
   * @param {string} text
   */
  add(text) {
    const others = this.#prompts.filter((prompt) => prompt !== text);
    if (text.trim() !== '' && text.length <= MAX_LENGTH) others.push(text);
    this.#prompts = others.slice(-MAX_PROMPTS);
    this.#at = this.#prompts.length;
    try {
      this.storage?.setItem(PROMPTS_KEY, JSON.stringify(this.#prompts));
    } catch {
      // The storage is full or forbidden: the history lasts as long as the page.
    }
  }

  /**
   * Return the next older prompt; undefined when there is none.
   * @param {string} current - what the field shows, which `newer` returns at the end
   */
  older(current) {
    if (this.#at === 0) return undefined;
    if (this.#at === this.#prompts.length) this.#draft = current;
    this.#at -= 1;
    return this.#prompts[this.#at];
  }

  /** Return the next newer prompt, at last what was typed; undefined when that is shown already. */
  newer() {
    if (this.#at === this.#prompts.length) return undefined;
    this.#at += 1;
    return this.#at === this.#prompts.length ? this.#draft : this.#prompts[this.#at];
  }

  /** Start again at the newest prompt, because the operator typed something. */
  rewind() {
    this.#at = this.#prompts.length;
  }
}

/** Return the browser's storage; undefined where it is forbidden. */
export function pageStorage() {
  try {
    return window.localStorage;
  } catch {
    return undefined;
  }
}

/**
 * @param {Storage | undefined} storage
 * @returns {string[]}
 */
function read(storage) {
  try {
    const value = JSON.parse(storage?.getItem(PROMPTS_KEY) ?? '[]');
    if (!Array.isArray(value)) return [];
    const texts = value.filter((text) => typeof text === 'string' && text.length <= MAX_LENGTH);
    return texts.slice(-MAX_PROMPTS);
  } catch {
    return [];
  }
}
