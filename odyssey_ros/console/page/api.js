// Requests to the console's server. Every failure becomes a `ConsoleError` with a text for the operator.

/** The session is asked for before each connection, so a network that answers nothing must not block it. */
const SESSION_LIMIT_MS = 10_000;

const REFUSED = 403;

export class ConsoleError extends Error {
  /**
   * @param {string} code - an error code of the package, such as `NOT_ACTIVE`
   * @param {string} message
   * @param {number} [status] - of the response; 0 without one
   */
  constructor(code, message, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export class Api {
  #token = '';

  /** Read what the server tells every page: the token of the page, the version and the limits. */
  async open() {
    const session = await this.#send('/api/session', { signal: AbortSignal.timeout(SESSION_LIMIT_MS) });
    this.#token = session.page_token;
    return session;
  }

  /** The token that proves to the server that a request comes from its own page. */
  get token() {
    return this.#token;
  }

  /**
   * @param {string} path
   * @param {Record<string, string | number>} [query]
   */
  get(path, query = {}) {
    return this.#send(address(path, query), {});
  }

  /**
   * Change something. A console that was restarted refuses the token of the page; the page gets a new one then.
   * @param {string} path
   * @param {Record<string, string | number>} query
   * @param {object | Blob} [body] - an object is sent as JSON
   */
  async post(path, query, body = {}) {
    try {
      return await this.#post(path, query, body);
    } catch (error) {
      const isRefused = /** @type {ConsoleError} */ (error).status === REFUSED && this.#token !== '';
      if (!isRefused || !await this.#hasNewToken()) throw error;
      return this.#post(path, query, body);
    }
  }

  async #hasNewToken() {
    const before = this.#token;
    await this.open();
    return this.#token !== before;
  }

  /**
   * @param {string} path
   * @param {Record<string, string | number>} query
   * @param {object | Blob} body
   */
  #post(path, query, body) {
    const isBlob = body instanceof Blob;
    return this.#send(address(path, query), {
      method: 'POST',
      headers: {
        'X-Console-Token': this.#token,
        'Content-Type': isBlob ? body.type || 'application/octet-stream' : 'application/json',
      },
      body: isBlob ? body : JSON.stringify(body),
    });
  }

  /**
   * @param {string} url
   * @param {RequestInit} options
   */
  async #send(url, options) {
    let response;
    try {
      response = await fetch(url, options);
    } catch {
      throw new ConsoleError('UNREACHABLE', 'The console does not answer: check that its process is running.');
    }
    let value;
    try {
      value = await response.json();
    } catch {
      value = {};
    }
    if (response.status === 401) globalThis.location.assign('/login'); // the session has ended
    if (!response.ok) {
      throw new ConsoleError(
        value.error_code ?? 'INVALID_RESPONSE',
        value.message ?? `The console answered with status ${response.status}.`,
        response.status,
      );
    }
    return value;
  }
}

/**
 * Return a path with a query.
 * @param {string} path
 * @param {Record<string, string | number>} query
 */
export function address(path, query) {
  const text = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}
