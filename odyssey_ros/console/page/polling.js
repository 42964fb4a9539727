// Calls a function again and again while somebody looks: not in a hidden tab, and never twice at once.

export class Polling {
  #timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  #started = false;
  #running = false;
  #again = false;

  /**
   * @param {() => Promise<void>} call
   * @param {() => number} period - returns the time between the end of a call and the next one, in milliseconds
   */
  constructor(call, period) {
    this.call = call;
    this.period = period;
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.now();
    });
  }

  /** Call now, and again and again. */
  start() {
    this.#started = true;
    this.now();
  }

  /** Call no more. */
  stop() {
    this.#started = false;
    clearTimeout(this.#timer);
  }

  /** Call now, if it is started; as soon as the call under way has ended. */
  async now() {
    clearTimeout(this.#timer);
    if (!this.#started || document.hidden) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    try {
      await this.call();
    } finally {
      this.#running = false;
      if (this.#again) {
        this.#again = false;
        this.now();
      } else if (this.#started) {
        this.#timer = setTimeout(() => this.now(), this.period());
      }
    }
  }
}
