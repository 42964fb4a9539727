// Asks the server to check a script text some time after the last change, one request at a time.

const DELAY_MS = 400;

/**
 * @typedef {{text: string, name: string, portrait: boolean, pictures: Record<string, string>}} ScriptRequest
 */

export class ScriptChecker {
  #timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  #running = false;
  #again = false;
  #number = 0;

  /**
   * @param {(request: ScriptRequest) => Promise<any>} send - sends a request
   * @param {() => ScriptRequest} current - returns the present text
   * @param {(result: any) => void} checked - called with the result for the present text
   * @param {(error: Error) => void} failed - called if there is no answer
   * @param {number} [delay] - in milliseconds
   */
  constructor(send, current, checked, failed, delay = DELAY_MS) {
    this.send = send;
    this.current = current;
    this.checked = checked;
    this.failed = failed;
    this.delay = delay;
  }

  /** Check the present text, once it has not changed for a moment. */
  schedule() {
    this.#number += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.check(), this.delay);
  }

  /** Check the present text now, or as soon as the check under way has ended. */
  async check() {
    clearTimeout(this.#timer);
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    const number = this.#number;
    try {
      const result = await this.send(this.current());
      if (number === this.#number) this.checked(result);
    } catch (error) {
      if (number === this.#number) this.failed(/** @type {Error} */ (error));
    } finally {
      this.#running = false;
      if (this.#again) {
        this.#again = false;
        this.check();
      }
    }
  }
}
