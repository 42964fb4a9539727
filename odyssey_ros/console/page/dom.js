// Builds elements. Texts only ever become text nodes: nothing in the page is parsed as HTML.

/**
 * Return a new element.
 * @param {string} name - the tag, optionally with classes: `p.note`
 * @param {Record<string, unknown>} [properties] - `on…` adds a listener, `aria-…`, `role` and `for` set an
 *   attribute, `data` sets the dataset, and any other name sets the property of the element
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElement}
 */
export function element(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const made = document.createElement(tag);
  made.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else if (key.startsWith('aria-') || key === 'role' || key === 'for') made.setAttribute(key, String(value));
    else if (key === 'data') Object.assign(made.dataset, value);
    else /** @type {any} */ (made)[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * Replace the children of an element, unless they are the same texts as before.
 * @param {Element} parent
 * @param {...(Node | string)} children
 */
export function replaceContent(parent, ...children) {
  const isText = children.length === 1 && typeof children[0] === 'string';
  if (isText && parent.childElementCount === 0 && parent.textContent === children[0]) return;
  parent.replaceChildren(...children);
}
