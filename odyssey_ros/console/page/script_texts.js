// Texts about checked scripts. Without DOM, so that they can be tested by themselves.

/**
 * Return a duration as text: `0.8 s`, `12 s`, `1:05 min`.
 * @param {number} seconds
 */
export function durationText(seconds) {
  if (seconds < 60) return `${Number(seconds.toFixed(seconds % 1 === 0 ? 0 : 1))} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')} min`;
}

/**
 * Return a count with its noun: `1 script`, `4 scripts`.
 * @param {number} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * Return the summary of a checked text in words.
 * @param {{scripts: number, prompts: number, duration_s: number[], portrait: boolean, portrait_in_text: boolean,
 *   bypass_prompt_expansion: boolean | null}} summary
 */
export function summaryText(summary) {
  const seconds = summary.duration_s.reduce((sum, one) => sum + one, 0);
  const shape = summary.portrait ? 'portrait, 704 x 1280' : 'landscape, 1280 x 704';
  const prompts = {
    true: 'prompts as they are',
    false: 'prompts expanded by the service',
    null: 'the service decides whether prompts are expanded',
  }[String(summary.bypass_prompt_expansion)];
  return [
    counted(summary.scripts, 'script'), counted(summary.prompts, 'prompt'), `${durationText(seconds)} of video`,
    `${shape} (${summary.portrait_in_text ? 'set by the text' : 'chosen here'})`, prompts,
  ].join(' · ');
}

/**
 * Return the result of a check in words.
 * @param {any} result - the answer of the server
 */
export function resultText(result) {
  if (!result.ok) return `${counted(result.errors.length, 'mistake')} to correct`;
  return `No mistakes: ${counted(result.summary.scripts, 'script')}`;
}
