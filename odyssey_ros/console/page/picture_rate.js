// Counts events of the last second or two. No DOM.

const SPAN_MS = 2000;

export class Rate {
  /** @type {number[]} */
  #times = [];

  /** @param {number} now - in ms */
  add(now) {
    this.#times.push(now);
    this.#forget(now);
  }

  /**
   * Return the rate in Hz, from the times between events.
   * @param {number} now - in ms
   */
  value(now) {
    this.#forget(now);
    const times = this.#times;
    if (times.length < 2) return 0;
    return ((times.length - 1) * 1000) / Math.max(times[times.length - 1] - times[0], now - times[0] - 500);
  }

  /** @param {number} now */
  #forget(now) {
    while (this.#times.length > 0 && now - this.#times[0] > SPAN_MS) this.#times.shift();
  }
}
