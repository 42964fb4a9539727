// The live view: the picture, the prompt, and the controls of a player.

import { element } from './dom.js';
import { createPicture } from './picture_view.js';
import { createPlayer } from './player_view.js';
import { createPrompt } from './prompt_view.js';
import { createSummary } from './summary_view.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {import('./tabs.js').View}
 */
export function createLiveView(context) {
  const picture = createPicture(context);
  const parts = [picture, createPlayer(context), createPrompt(context), createSummary(context)];
  return {
    element: element('div.live', {}, ...parts.map((part) => part.element)),
    show: () => parts.forEach((part) => part.show?.()),
    hide: () => parts.forEach((part) => part.hide?.()),
  };
}
