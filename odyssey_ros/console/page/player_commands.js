// Sends the commands of a person to a player, one at a time; of several seeks, only the newest waits. A paused
// player publishes nothing after a seek, so it is asked for the frame to which it went.

import { previousIndex } from './player_place.js';
import { PAUSED } from './state_words.js';

export class PlayerCommands {
  #busy = false;
  #next = /** @type {{command: string, body: object} | null} */ (null);

  /**
   * @param {import('./main.js').Context} context
   * @param {(message: string) => void} failed - called with an empty text before each command, and with the text
   *   of an error
   */
  constructor({ api, store }, failed) {
    this.api = api;
    this.store = store;
    this.failed = failed;
  }

  /**
   * Return whether the player is paused before a frame that is not the last one of its episode: after the last one,
   * the episode would be complete.
   * @param {{episode: number, frame_index: number}} place
   */
  #hasPausedBefore(place) {
    const playback = this.store.get('playback');
    const isLast = place.episode === playback?.episode && place.frame_index + 1 >= playback.frame_count;
    return playback?.state === PAUSED && !isLast;
  }

  /** @param {string} node */
  async #goBack(node) {
    const index = previousIndex(this.store.get('playback'), this.store.get('position'));
    if (index === null) return;
    await this.#post('pause', node);
    await this.#post('seek', node, { frame_index: index });
    await this.#post('step', node);
  }

  /**
   * @param {string} command
   * @param {string} node
   * @param {object} [body]
   */
  #post(command, node, body = {}) {
    return this.api.post(`/api/player/${command}`, { node }, body);
  }

  /**
   * @param {'pause' | 'resume' | 'step' | 'back' | 'seek' | 'rate'} command - `back` shows the frame before
   * @param {object} [body]
   */
  async send(command, body = {}) {
    if (this.#busy) {
      if (command === 'seek' || this.#next?.command !== 'seek') this.#next = { command, body };
      return;
    }
    this.#busy = true;
    this.failed('');
    const node = this.store.get('node');
    try {
      if (command === 'back') await this.#goBack(node);
      else {
        const done = await this.#post(command, node, body);
        if (command === 'seek' && this.#next === null && this.#hasPausedBefore(done)) await this.#post('step', node);
      }
    } catch (error) {
      if (node === this.store.get('node')) this.failed(/** @type {Error} */ (error).message);
    } finally {
      this.#busy = false;
    }
    const next = this.#next;
    this.#next = null;
    if (next !== null && node === this.store.get('node')) await this.send(/** @type {any} */ (next.command), next.body);
  }
}
