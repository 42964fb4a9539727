// Requests to the console's server. Every failure becomes a `ConsoleError` with a text for the operator.

export class ConsoleError extends Error {
  /**
   * @param {string} code - an error code of the package, such as `NOT_ACTIVE`
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class Api {
  #token = '';

  /** Read what the server tells every page: the token of the page, the version and the limits. */
  async open() {
    const session = await this.get('/api/session');
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
   * Change something.
   * @param {string} path
   * @param {Record<string, string | number>} query
   * @param {object | Blob} [body] - an object is sent as JSON
   */
  post(path, query, body = {}) {
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
