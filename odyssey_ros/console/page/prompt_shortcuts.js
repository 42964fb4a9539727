// The keys of the prompt, which work in every view.

/**
 * Add the keys.
 * @param {import('./shortcuts.js').Shortcuts} shortcuts
 */
export function addPromptShortcuts(shortcuts) {
  shortcuts.add('/', 'Write a prompt', () => focusInLiveView('prompt'));
  // One key alone must not end a stream by mistake, so it only goes to the button.
  shortcuts.add('e', 'Go to “End stream” (then press Enter)', () => focusInLiveView('end-stream'));
}

/** @param {string} id */
function focusInLiveView(id) {
  const focus = () => document.getElementById(id)?.focus();
  if (document.querySelector('.live') !== null) {
    focus();
    return;
  }
  addEventListener('hashchange', focus, { once: true }); // after the tabs, which were there first
  location.hash = 'live';
}
