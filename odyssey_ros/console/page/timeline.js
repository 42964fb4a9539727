// A time line with prompts: a slider for the position, and a mark for each prompt, which seeks to it.
//
//   const timeline = createTimeline({ label: 'Position in the recording', onSeek: (seconds) => … });
//   timeline.update({ duration: 63.2, position: 12.5, prompts: [{ position: 0, prompt: 'a harbour' }] });
//
// `update` takes any of these values, and keeps the others; `disabled: true` makes it read-only. While a person
// drags the slider, updates of the position do not move it.

import { element } from './dom.js';
import { layoutMarks, promptAt, timeText } from './timeline_layout.js';

const STEP_S = 1;
const LARGE_STEP_S = 5;

/**
 * @typedef {{duration?: number | null, position?: number, prompts?: readonly import('./timeline_layout.js').TimedPrompt[],
 *   disabled?: boolean}} TimelineValues
 * @typedef {{element: HTMLElement, update: (values: TimelineValues) => void}} Timeline
 */

/**
 * Return a time line.
 * @param {{label: string, onSeek: (seconds: number) => void, whileDragging?: boolean}} options - `whileDragging`
 *   also seeks while the slider moves, not only when it is released
 * @returns {Timeline}
 */
export function createTimeline({ label, onSeek, whileDragging = false }) {
  const values = {
    duration: /** @type {number | null} */ (null),
    position: 0,
    prompts: /** @type {readonly import('./timeline_layout.js').TimedPrompt[]} */ ([]),
    disabled: false,
  };
  let marks = /** @type {import('./timeline_layout.js').Mark[]} */ ([]);
  let dragging = false;
  let focused = 0; // the mark that the Tab key reaches

  const slider = /** @type {HTMLInputElement} */ (element('input.timeline-slider', {
    type: 'range', min: '0', max: '0', step: '0.01', 'aria-label': label, oninput: slide, onchange: release,
    onkeydown: stepByKey,
  }));
  const line = element('div.timeline-line', { 'aria-hidden': 'true' });
  const buttons = element('div.timeline-marks', { role: 'group', 'aria-label': 'Prompts', onkeydown: moveByKey });
  const now = element('span.number');
  const prompt = element('span.timeline-prompt');
  const root = element(
    'div.timeline', {}, buttons, element('div.timeline-track', {}, line, slider),
    element('p.timeline-now', {}, now, prompt),
  );
  new ResizeObserver(layout).observe(buttons);

  function slide() {
    dragging = true;
    values.position = slider.valueAsNumber;
    show();
    if (whileDragging) onSeek(values.position);
  }

  function release() {
    dragging = false;
    onSeek(values.position);
  }

  /** @param {number} seconds */
  function seek(seconds) {
    if (values.disabled) return;
    values.position = Math.min(values.duration ?? 0, Math.max(0, seconds));
    show();
    onSeek(values.position);
  }

  /** @param {KeyboardEvent} event */
  function stepByKey(event) {
    const at = promptAt(values.prompts, values.position);
    const step = event.shiftKey ? LARGE_STEP_S : STEP_S;
    const target = /** @type {Record<string, number | undefined>} */ ({
      ArrowLeft: values.position - step, ArrowDown: values.position - step,
      ArrowRight: values.position + step, ArrowUp: values.position + step,
      PageUp: values.prompts[at + 1]?.position, PageDown: values.prompts[Math.max(0, at - 1)]?.position,
      Home: 0, End: values.duration ?? 0,
    })[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    seek(target);
  }

  /** @param {KeyboardEvent} event */
  function moveByKey(event) {
    const last = marks.length - 1;
    const target = { ArrowLeft: focused - 1, ArrowRight: focused + 1, Home: 0, End: last }[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    setFocused(Math.min(last, Math.max(0, target)));
    /** @type {HTMLElement} */ (buttons.children[focused])?.focus();
  }

  /** @param {number} index */
  function setFocused(index) {
    focused = index;
    [...buttons.children].forEach((button, at) => {
      /** @type {HTMLElement} */ (button).tabIndex = at === focused ? 0 : -1;
    });
  }

  function layout() {
    marks = layoutMarks(values.prompts, values.duration ?? 0, buttons.clientWidth);
    const hadFocus = buttons.contains(document.activeElement);
    buttons.replaceChildren(...marks.map((mark, at) => markButton(mark, at)));
    line.replaceChildren(...marks.map((mark) => {
      const part = element('span');
      part.style.setProperty('--start', String(mark.start));
      part.style.setProperty('--length', String(mark.end - mark.start));
      return part;
    }));
    setFocused(Math.min(focused, Math.max(0, marks.length - 1)));
    if (hadFocus) /** @type {HTMLElement | undefined} */ (buttons.children[focused])?.focus();
    show();
  }

  /**
   * @param {import('./timeline_layout.js').Mark} mark
   * @param {number} at
   */
  function markButton(mark, at) {
    const first = values.prompts[mark.index].prompt || '(empty prompt)';
    const more = mark.count > 1 ? ` and ${mark.count - 1} more` : '';
    const text = `${timeText(mark.position)} ${first}${more}`;
    const button = element('button.timeline-mark', {
      type: 'button', 'aria-label': text, title: text, disabled: values.disabled,
      onclick: () => seek(mark.position), onfocus: () => setFocused(at),
    }, mark.count > 1 ? String(mark.count) : '');
    button.style.setProperty('--start', String(mark.start));
    return button;
  }

  function show() {
    const duration = values.duration ?? 0;
    const at = promptAt(values.prompts, values.position);
    const text = at < 0 ? '' : values.prompts[at].prompt;
    slider.max = String(duration);
    slider.value = String(values.position);
    slider.disabled = values.disabled || !(duration > 0);
    now.textContent = `${timeText(values.position)} / ${timeText(values.duration)}`;
    prompt.textContent = text;
    slider.setAttribute(
      'aria-valuetext', `${timeText(values.position)} of ${timeText(values.duration)}${text && `, ${text}`}`,
    );
    line.style.setProperty('--done', String(duration > 0 ? values.position / duration : 0));
    marks.forEach((mark, number) => {
      const isCurrent = at >= mark.index && at < mark.index + mark.count;
      if (isCurrent) buttons.children[number].setAttribute('aria-current', 'true');
      else buttons.children[number].removeAttribute('aria-current');
      line.children[number].classList.toggle('current', isCurrent);
    });
  }

  /** @param {TimelineValues} changes */
  function update(changes) {
    const isLaidOut = (changes.prompts ?? values.prompts) === values.prompts
      && (changes.duration === undefined || changes.duration === values.duration)
      && (changes.disabled ?? values.disabled) === values.disabled;
    const position = dragging ? values.position : (changes.position ?? values.position);
    Object.assign(values, changes, { position });
    if (values.disabled) dragging = false; // a slider that is disabled is not released
    if (isLaidOut) show();
    else layout();
  }

  show();
  return { element: root, update };
}
