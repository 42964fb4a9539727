// The socket over which the server sends the state of the graph; it reconnects by itself.

import { lossOf, lossOfRequest } from './connection_words.js';

const MIN_DELAY_MS = 500;
const MAX_DELAY_MS = 8000;

/** A network that drops packets answers nothing, and a browser would wait for minutes. */
const OPEN_LIMIT_MS = 10_000;

/**
 * The connection to the console.
 * @typedef {object} Connection
 * @property {import('./connection_words.js').Loss | null} loss - null while the page is connected
 * @property {number | null} retryAt - when the next try begins, in the time of `performance.now`; null during a try
 */

export class StateSocket {
  #socket = /** @type {WebSocket | null} */ (null);
  #delay = MIN_DELAY_MS;
  #node = '';
  #timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  #isWaiting = false;
  #loss = /** @type {import('./connection_words.js').Loss | null} */ (null);

  /**
   * @param {() => Promise<string>} token - returns the token of the page; asked for at every connection, since
   *   the server may have been restarted
   * @param {(message: any) => void} receive - called with each message
   * @param {(connection: Connection) => void} changed
   */
  constructor(token, receive, changed) {
    this.token = token;
    this.receive = receive;
    this.changed = changed;
  }

  /**
   * Watch a node.
   * @param {string} node - its fully qualified name; empty watches none
   */
  watch(node) {
    this.#node = node;
    this.#send({ type: 'watch', node });
  }

  /** Connect, and connect again whenever the connection is lost. */
  async open() {
    let token;
    try {
      token = await this.token();
    } catch (error) {
      this.#again(lossOfRequest(/** @type {Error} */ (error), this.#loss));
      return;
    }
    const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/socket/state`);
    this.#socket = socket;
    const limit = setTimeout(() => socket.close(), OPEN_LIMIT_MS);
    let isAccepted = false;
    socket.addEventListener('open', () => {
      clearTimeout(limit);
      this.#send({ type: 'hello', token });
      this.#send({ type: 'watch', node: this.#node });
    });
    socket.addEventListener('message', (event) => {
      if (!isAccepted) this.#accepted();
      isAccepted = true;
      this.receive(JSON.parse(event.data));
    });
    socket.addEventListener('close', (event) => {
      clearTimeout(limit);
      this.#again(lossOf(event));
    });
  }

  /** Connect now, if the socket waits to try again. */
  retry() {
    if (!this.#isWaiting) return;
    clearTimeout(this.#timer);
    this.#isWaiting = false;
    this.changed({ loss: this.#loss, retryAt: null });
    this.open();
  }

  #accepted() {
    this.#delay = MIN_DELAY_MS;
    this.#loss = null;
    this.changed({ loss: null, retryAt: null });
  }

  /** @param {import('./connection_words.js').Loss} loss */
  #again(loss) {
    this.#socket = null;
    this.#loss = loss;
    this.#isWaiting = true;
    const delay = loss.isLasting ? MAX_DELAY_MS : this.#delay;
    this.#delay = Math.min(2 * this.#delay, MAX_DELAY_MS);
    this.#timer = setTimeout(() => this.retry(), delay);
    this.changed({ loss, retryAt: performance.now() + delay });
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
