// The state of the page: named values, each with its observers.

export class Store {
  /** @type {Map<string, unknown>} */
  #values = new Map();
  /** @type {Map<string, Set<(value: any) => void>>} */
  #observers = new Map();

  /**
   * Return a value; undefined before it is set.
   * @param {string} name
   * @returns {any}
   */
  get(name) {
    return this.#values.get(name);
  }

  /**
   * Set a value, and call its observers.
   * @param {string} name
   * @param {unknown} value
   */
  set(name, value) {
    if (Object.is(this.#values.get(name), value)) return;
    this.#values.set(name, value);
    for (const observer of [...(this.#observers.get(name) ?? [])]) observer(value);
  }

  /**
   * Call an observer now, if the value is set, and at every change.
   * @param {string} name
   * @param {(value: any) => void} observer
   * @returns {() => void} a function that stops the calls
   */
  observe(name, observer) {
    const observers = this.#observers.get(name) ?? new Set();
    this.#observers.set(name, observers.add(observer));
    if (this.#values.has(name)) observer(this.#values.get(name));
    return () => observers.delete(observer);
  }
}
