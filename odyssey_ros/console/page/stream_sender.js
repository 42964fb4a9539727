// Sends prompts one after another, so that those typed quickly keep their order.

/**
 * A request to the stream.
 * @typedef {object} StreamRequest
 * @property {'start' | 'interact'} kind
 * @property {string} node
 * @property {string} text
 * @property {boolean} [portrait]
 * @property {boolean} [broadcast]
 * @property {boolean} [endRunning] - whether to end the running stream first
 * @property {import('./start_picture.js').ChosenPicture} [picture]
 */

export class StreamSender {
  #last = Promise.resolve();
  /** @type {StreamRequest[]} */
  #waiting = [];

  /**
   * @param {import('./api.js').Api} api
   * @param {(waiting: StreamRequest[]) => void} changed - called with the requests that are not sent yet
   */
  constructor(api, changed) {
    this.api = api;
    this.changed = changed;
  }

  /**
   * Send a request after those before it; return the answer, or fail with a `ConsoleError`.
   * @param {StreamRequest} request
   * @returns {Promise<any>}
   */
  send(request) {
    this.#waiting = [...this.#waiting, request];
    this.changed(this.#waiting);
    const answer = this.#last.then(() => this.#request(request));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /**
   * End the running stream now.
   * @param {string} node
   */
  end(node) {
    return this.api.post('/api/stream/end', { node });
  }

  /** @param {StreamRequest} request */
  async #request(request) {
    try {
      const picture = await request.picture?.id(this.api);
      this.#sent(request);
      if (request.kind === 'interact') {
        return await this.api.post('/api/stream/interact', { node: request.node }, { prompt: request.text });
      }
      return await this.api.post('/api/stream/start', { node: request.node }, {
        prompt: request.text,
        portrait: request.portrait ?? false,
        broadcast: request.broadcast ?? false,
        end_running: request.endRunning ?? false,
        ...(picture === undefined ? {} : { picture }),
      });
    } catch (error) {
      request.picture?.forget();
      throw error;
    } finally {
      this.#sent(request);
    }
  }

  /** @param {StreamRequest} request */
  #sent(request) {
    const others = this.#waiting.filter((one) => one !== request);
    if (others.length === this.#waiting.length) return;
    this.#waiting = others;
    this.changed(others);
  }
}
