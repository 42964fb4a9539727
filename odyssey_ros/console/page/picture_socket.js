// The socket that brings the pictures of one node. It connects while pictures are wanted, and reconnects by itself.

import { lossOf, lossOfRequest } from './connection_words.js';
import { readPicture } from './picture_header.js';

const MIN_DELAY_MS = 500;
const MAX_DELAY_MS = 8000;
const ACKNOWLEDGE_MS = 90;

/**
 * What the socket calls.
 * @typedef {{
 *   picture: (picture: import('./picture_header.js').Picture, received: number) => void,
 *   notice: (message: any) => void,
 *   changed: (loss: import('./connection_words.js').Loss | null) => void,
 * }} PictureListener
 *   changed: called with null when the socket is connected, else with the reason why it is not
 */

export class PictureSocket {
  #socket = /** @type {WebSocket | null} */ (null);
  #delay = MIN_DELAY_MS;
  #wanted = false;
  #retry = 0;
  #node = '';
  /** @type {string[]} */
  #codecs = [];
  #acknowledged = -Infinity;
  #timer = 0;
  #number = 0;
  #loss = /** @type {import('./connection_words.js').Loss | null} */ (null);

  /**
   * @param {(isOutdated: boolean) => Promise<string>} token - returns the token of the page, a new one if the server
   *   has refused the last one
   * @param {PictureListener} listener
   */
  constructor(token, listener) {
    this.token = token;
    this.listener = listener;
  }

  /**
   * Watch a node, beginning with a key frame; an empty name closes the connection.
   * @param {string} node
   * @param {string[]} codecs - what the browser can decode: `h264`, `jpeg`
   */
  watch(node, codecs) {
    this.#node = node;
    this.#codecs = codecs;
    if (node === '') this.#close();
    else if (!this.#wanted) this.#open();
    else this.send({ type: 'watch', node, codecs });
  }

  /**
   * Tell the server that a picture and all before it have been shown or dropped. Several become one message.
   * @param {number} number
   */
  acknowledge(number) {
    this.#number = number;
    const wait = this.#acknowledged + ACKNOWLEDGE_MS - performance.now();
    if (wait <= 0) this.#acknowledge();
    else if (this.#timer === 0) this.#timer = setTimeout(() => this.#acknowledge(), wait);
  }

  /** Connect now, if the socket waits to try again. */
  retry() {
    if (this.#wanted && this.#socket === null) this.#open();
  }

  /** @param {object} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #acknowledge() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#acknowledged = performance.now();
    this.send({ type: 'drawn', sequence: this.#number });
  }

  #open() {
    this.#wanted = true;
    clearTimeout(this.#retry);
    this.#connect();
  }

  async #connect() {
    let token;
    try {
      token = await this.token(this.#loss?.isOutdated ?? false);
    } catch (error) {
      if (this.#wanted) this.#again(lossOfRequest(/** @type {Error} */ (error), this.#loss));
      return;
    }
    if (!this.#wanted || this.#socket !== null) return;
    const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/socket/pictures`);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.addEventListener('open', () => {
      if (this.#socket !== socket) { // closed meanwhile; browsers warn of a socket that is closed before it is open
        socket.close();
        return;
      }
      this.send({ type: 'hello', token });
      this.send({ type: 'watch', node: this.#node, codecs: this.#codecs });
      this.listener.changed(null);
    });
    socket.addEventListener('message', (event) => {
      if (this.#socket === socket) this.#receive(event.data);
    });
    socket.addEventListener('close', (event) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#again(lossOf(event));
    });
  }

  /** @param {string | ArrayBuffer} data */
  #receive(data) {
    this.#delay = MIN_DELAY_MS; // the server has accepted the page
    this.#loss = null;
    if (typeof data === 'string') {
      this.listener.notice(JSON.parse(data));
      return;
    }
    const picture = readPicture(data);
    if (picture !== null) this.listener.picture(picture, performance.now());
  }

  /** @param {import('./connection_words.js').Loss} loss */
  #again(loss) {
    this.#loss = loss;
    this.listener.changed(loss);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), loss.isLasting ? MAX_DELAY_MS : this.#delay);
    this.#delay = Math.min(2 * this.#delay, MAX_DELAY_MS);
  }

  #close() {
    this.#wanted = false;
    clearTimeout(this.#retry);
    clearTimeout(this.#timer);
    this.#timer = 0;
    const socket = this.#socket;
    this.#socket = null;
    if (socket?.readyState !== WebSocket.CONNECTING) socket?.close();
  }
}
