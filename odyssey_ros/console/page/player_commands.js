// Sends the commands of a person to a player, one at a time; of several seeks, only the newest waits.

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
   * @param {'pause' | 'resume' | 'step' | 'seek'} command
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
      await this.api.post(`/api/player/${command}`, { node }, body);
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
