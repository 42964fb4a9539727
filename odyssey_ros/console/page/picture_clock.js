// The difference between the clock of this browser and that of the server, and the age of a picture. No DOM.

const KEPT = 8;

export class ServerClock {
  /** @type {{trip: number, difference: number}[]} */
  #samples = [];

  /**
   * Note an answer of the server to a question about its time.
   * @param {number} sent - when the question was sent, in ms
   * @param {number} received - when the answer was received, in ms of the same clock
   * @param {number} server - the time in the answer, in s
   */
  add(sent, received, server) {
    const difference = server * 1000 - (sent + received) / 2;
    this.#samples = [...this.#samples, { trip: received - sent, difference }].slice(-KEPT);
  }

  /** Whether there have been enough answers. */
  get isExact() {
    return this.#samples.length === KEPT;
  }

  /**
   * Return the time of the server in s; NaN before the first answer. The fastest answer is the most exact.
   * @param {number} now - in ms of the same clock
   */
  time(now) {
    if (this.#samples.length === 0) return NaN;
    const best = this.#samples.reduce((one, other) => (other.trip < one.trip ? other : one));
    return (now + best.difference) / 1000;
  }

  /**
   * Return the age of a picture in ms; NaN if it cannot be known.
   * @param {import('./picture_header.js').Picture} picture
   * @param {number} now - in ms of the same clock
   */
  ageOf(picture, now) {
    if (Number.isNaN(picture.age)) return NaN; // the stamp is of a clock that cannot be compared
    return Math.max(0, (this.time(now) - picture.stamp) * 1000);
  }
}
