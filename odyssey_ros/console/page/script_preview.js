// Shows what a script text expands to: a summary, and a table of the scripts with their times and prompts.

import { element } from './dom.js';
import { durationText, summaryText } from './script_texts.js';

const MAX_SCRIPTS = 100;
const MAX_PROMPTS = 6;
const MAX_PROMPTS_OF_ONE = 200;

/**
 * Return the preview; `show` takes the answer of the server, or null for none.
 * @returns {{element: HTMLElement, show: (result: any) => void}}
 */
export function createScriptPreview() {
  const summary = element('p');
  const body = element('tbody');
  const variables = element('th', { scope: 'col' }, 'Variables');
  const head = element(
    'thead', {}, element('tr', {},
      element('th', { scope: 'col' }, 'No.'), variables,
      element('th', { scope: 'col' }, 'Length'), element('th', { scope: 'col' }, 'Prompts')),
  );
  const root = element(
    'section.panel.script-preview', { 'aria-label': 'Preview', hidden: true },
    element('h2', {}, 'Preview'), summary,
    element('div.scroll', { tabIndex: 0, role: 'region', 'aria-label': 'Scripts' }, element('table', {}, head, body)),
  );

  /** @param {any} result */
  function show(result) {
    root.hidden = result === null || result.scripts.length === 0;
    if (root.hidden) return;
    const scripts = result.scripts.slice(0, MAX_SCRIPTS);
    const limit = scripts.length === 1 ? MAX_PROMPTS_OF_ONE : MAX_PROMPTS;
    const swept = scripts.some((/** @type {any} */ script) => Object.keys(script.variables).length > 0);
    summary.textContent = summaryText(result.summary);
    variables.hidden = !swept;
    body.replaceChildren(...scripts.map((/** @type {any} */ script, /** @type {number} */ index) => element(
      'tr', {},
      element('td.number', {}, String(index + 1)),
      element('td', { hidden: !swept }, variableList(script.variables)),
      element('td.number', {}, durationText(script.duration_s)),
      element('td', {}, promptList(script, limit)),
    )));
  }

  return { element: root, show };
}

/** @param {Record<string, unknown>} variables */
function variableList(variables) {
  return element('ul.script-variables', {}, ...Object.entries(variables).map(
    ([name, value]) => element('li', {}, element('span.quiet-text', {}, `${name} `), String(value)),
  ));
}

/**
 * @param {any} script
 * @param {number} limit
 */
function promptList(script, limit) {
  const entries = script.entries.filter((/** @type {any} */ entry) => entry.action !== 'end');
  const shown = entries.slice(0, limit);
  const more = script.entry_count - 1 - shown.length;
  return element(
    'ul.script-prompts', {},
    ...shown.map((/** @type {any} */ entry) => element(
      'li', {}, element('span.number.quiet-text', {}, `${durationText(entry.timestamp_ms / 1000)} `), entry.prompt,
      entry.image === undefined ? null : element('span.quiet-text', {}, ` (from the picture ${entry.image})`),
    )),
    more > 0 ? element('li.quiet-text', {}, `and ${more} more`) : null,
  );
}
