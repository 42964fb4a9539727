// The socket over which the server sends the state of the graph; it reconnects by itself.

const MIN_DELAY_MS = 500;
const MAX_DELAY_MS = 8000;

export class StateSocket {
  #socket = /** @type {WebSocket | null} */ (null);
  #delay = MIN_DELAY_MS;
  #node = '';

  /**
   * @param {() => Promise<string>} token - returns the token of the page; asked for at every connection, since
   *   the server may have been restarted
   * @param {(message: any) => void} receive - called with each message
   * @param {(connected: boolean) => void} changed
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
    try {
      const token = await this.token();
      const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/socket/state`);
      this.#socket = socket;
      socket.addEventListener('open', () => {
        this.#send({ type: 'hello', token });
        this.#send({ type: 'watch', node: this.#node });
        this.changed(true);
      });
      socket.addEventListener('message', (event) => {
        this.#delay = MIN_DELAY_MS; // the server has accepted the page
        this.receive(JSON.parse(event.data));
      });
      socket.addEventListener('close', () => this.#again());
    } catch {
      this.#again();
    }
  }

  #again() {
    this.#socket = null;
    this.changed(false);
    setTimeout(() => this.open(), this.#delay);
    this.#delay = Math.min(2 * this.#delay, MAX_DELAY_MS);
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
