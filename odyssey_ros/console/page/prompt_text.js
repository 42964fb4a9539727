// The rules of a prompt, which the server and the node check too: pure, without DOM.

import { errorWords } from './error_words.js';

/** The limit of a bridge whose parameter `max_prompt_length` is not known yet. */
export const DEFAULT_LIMIT = 4096;

/** Characters that no prompt can have: control characters other than line break and tab, and lone surrogates. */
const UNUSABLE = /(?![\n\t])[\p{Cc}\p{Cs}]/u;

/**
 * Return the number of characters (code points) of a text, as the node counts them.
 * @param {string} text
 */
function countCharacters(text) {
  let count = 0;
  for (let at = 0; at < text.length; at += text.codePointAt(at) > 0xffff ? 2 : 1) count += 1;
  return count;
}

/**
 * Return why a prompt cannot be sent, in words; empty when it can.
 * @param {string} text
 * @param {number} limit - maximum number of characters
 * @param {boolean} [mayBeEmpty] - whether a stream starts from a picture, which needs no prompt
 */
export function promptProblem(text, limit, mayBeEmpty = false) {
  if (text.trim() === '' && !mayBeEmpty) return 'The prompt is empty: describe the scene.';
  const count = countCharacters(text);
  if (count > limit) return `The prompt has ${count} characters, but at most ${limit} are allowed: shorten it.`;
  const unusable = UNUSABLE.exec(text);
  if (unusable !== null) {
    const code = unusable[0].codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    return `The prompt has the invisible character U+${code}: remove it.`;
  }
  return '';
}

/**
 * Return what a person typed for a prompt that the service has expanded; the prompt itself if that is not known.
 * @param {string} applied - the prompt as the service applied it
 * @param {readonly {text: string, applied: string}[]} sent - the prompts that were sent through this console
 */
export function typedPrompt(applied, sent) {
  return sent.findLast((one) => one.applied === applied)?.text ?? applied;
}

/**
 * Return the counter to show: empty while the limit is far away.
 * @param {string} text
 * @param {number} limit
 */
export function counterText(text, limit) {
  const count = countCharacters(text);
  return count < 0.8 * limit ? '' : `${count} of ${limit} characters`;
}

/**
 * Return the text of a failure for the operator. The service may give only a name for its reason, which words precede.
 * @param {string} code
 * @param {string} message
 */
export function failureText(code, message) {
  if (/^[a-z]+(_[a-z]+)+(:|$)/.test(message)) return `${errorWords(code)} (${message})`;
  return message.charAt(0).toUpperCase() + message.slice(1);
}
